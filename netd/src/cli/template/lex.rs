//! Splits a template into text and actions, and actions into tokens.

use super::invalid;
use crate::error::Result;

/// A part of a template.
#[derive(Debug, PartialEq)]
pub(super) enum Piece {
    /// Copied as it is.
    Text(String),
    /// What stands between `{{` and `}}`.
    Action(Vec<Token>),
}

/// A part of an action.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A path, variable, function or number.
    Word(String),
    /// A quoted string.
    Text(String),
    /// `(`
    Open,
    /// `)` and the path that follows it at once.
    Close(String),
    /// `,`
    Comma,
    /// `:=`
    Assign,
}

pub(super) fn pieces(template: &str) -> Result<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut rest = template;
    let mut trim = false;
    while let Some((text, after)) = rest.split_once("{{") {
        let (action, after) =
            after.split_once("}}").ok_or_else(|| invalid("a '{{' is not closed by '}}'"))?;
        let trims_before = action.starts_with("- ");
        push_text(&mut pieces, text, trim, trims_before);
        trim = action.ends_with(" -");
        let action = action.strip_prefix("- ").unwrap_or(action);
        pieces.push(Piece::Action(tokens(action.strip_suffix(" -").unwrap_or(action))?));
        rest = after;
    }
    push_text(&mut pieces, rest, trim, false);
    Ok(pieces)
}

fn push_text(pieces: &mut Vec<Piece>, text: &str, trim_start: bool, trim_end: bool) {
    let text = if trim_start { text.trim_start() } else { text };
    let text = if trim_end { text.trim_end() } else { text };
    if !text.is_empty() {
        pieces.push(Piece::Text(text.replace("\\t", "\t").replace("\\n", "\n")));
    }
}

fn tokens(action: &str) -> Result<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = action.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, after) = match first {
            '(' => (Token::Open, &rest[1..]),
            ',' => (Token::Comma, &rest[1..]),
            ')' => {
                let path = rest[1..].starts_with('.');
                let end = if path { word_end(&rest[1..]) } else { 0 };
                (Token::Close(rest[1..=end].to_owned()), &rest[1 + end..])
            }
            '"' | '`' => string(rest, first)?,
            _ if rest.starts_with(":=") => (Token::Assign, &rest[2..]),
            _ => {
                let end = word_end(rest);
                (Token::Word(rest[..end].to_owned()), &rest[end..])
            }
        };
        tokens.push(token);
        rest = after.trim_start();
    }
    Ok(tokens)
}

/// How many bytes of `text` one word has; never 0.
fn word_end(text: &str) -> usize {
    let ends = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | ',' | '"' | '`' | ':');
    let skip = text.chars().next().map_or(0, char::len_utf8);
    text[skip..].find(ends).map_or(text.len(), |end| skip + end)
}

fn string(text: &str, quote: char) -> Result<(Token, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' if quote == '"' => value.extend(characters.next().map(|(_, c)| c)),
            c if c == quote => return Ok((Token::Text(value), &text[at + 1..])),
            c => value.push(c),
        }
    }
    Err(invalid("a string is not closed"))
}
