//! `--format` templates: the part of Go's template language that people use on `docker inspect`.
//!
//! Text with `{{.Field.Sub}}`, `{{json .X}}`, `{{index .X "key" 0}}`, `{{len .X}}`, `upper`, `lower`,
//! `join`, `{{range $key, $value := .X}}`, `{{range .X}}`, `{{if .X}}`, `{{else}}` and `{{end}}`.

mod eval;
mod lex;

use crate::error::{Error, Result};
use lex::{Piece, Token};
use serde_json::Value;
use std::vec::IntoIter;

/// A template, parsed.
#[derive(Clone, Debug)]
pub(super) struct Template(Vec<Node>);

impl Template {
    /// Parses `text`.
    ///
    /// # Errors
    /// Wrong usage, with the action that makes no sense.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut parser = Parser { pieces: lex::pieces(text)?.into_iter() };
        match parser.block()? {
            (nodes, Stop::Text) => Ok(Self(nodes)),
            (_, Stop::Else | Stop::End) => {
                Err(invalid("{{end}} or {{else}} without {{range}} or {{if}}"))
            }
        }
    }

    /// The text for `value`.
    ///
    /// # Errors
    /// Wrong usage: a field that `value` does not have, or a function that does not fit.
    pub(super) fn render(&self, value: &Value) -> Result<String> {
        eval::render(&self.0, value)
    }
}

#[derive(Clone, Debug)]
enum Node {
    Text(String),
    Print(Expression),
    If { condition: Expression, then: Vec<Node>, otherwise: Vec<Node> },
    Range { names: Vec<String>, over: Expression, body: Vec<Node>, otherwise: Vec<Node> },
}

#[derive(Clone, Debug)]
enum Expression {
    /// `.`
    Dot,
    /// `$name`; the empty name is the whole value.
    Variable(String),
    /// A string or number.
    Literal(Value),
    /// A field of another expression.
    Field(Box<Expression>, String),
    /// A function and its arguments.
    Call(String, Vec<Expression>),
}

/// What closed a block.
enum Stop {
    Text,
    Else,
    End,
}

struct Parser {
    pieces: IntoIter<Piece>,
}

impl Parser {
    fn block(&mut self) -> Result<(Vec<Node>, Stop)> {
        let mut nodes = Vec::new();
        while let Some(piece) = self.pieces.next() {
            let tokens = match piece {
                Piece::Text(text) => {
                    nodes.push(Node::Text(text));
                    continue;
                }
                Piece::Action(tokens) => tokens,
            };
            match tokens.split_first() {
                Some((Token::Word(word), rest)) if word == "if" => {
                    nodes.push(self.condition(rest)?);
                }
                Some((Token::Word(word), rest)) if word == "range" => nodes.push(self.range(rest)?),
                Some((Token::Word(word), [])) if word == "else" => return Ok((nodes, Stop::Else)),
                Some((Token::Word(word), [])) if word == "end" => return Ok((nodes, Stop::End)),
                _ => nodes.push(Node::Print(expression(&tokens)?)),
            }
        }
        Ok((nodes, Stop::Text))
    }

    fn condition(&mut self, tokens: &[Token]) -> Result<Node> {
        let condition = expression(tokens)?;
        let (then, otherwise) = self.branches()?;
        Ok(Node::If { condition, then, otherwise })
    }

    fn range(&mut self, tokens: &[Token]) -> Result<Node> {
        let (names, over) = match tokens.iter().position(|t| *t == Token::Assign) {
            Some(at) => (variables(&tokens[..at])?, expression(&tokens[at + 1..])?),
            None => (Vec::new(), expression(tokens)?),
        };
        let (body, otherwise) = self.branches()?;
        Ok(Node::Range { names, over, body, otherwise })
    }

    fn branches(&mut self) -> Result<(Vec<Node>, Vec<Node>)> {
        let (first, end) = self.block()?;
        match end {
            Stop::End => Ok((first, Vec::new())),
            Stop::Else => match self.block()? {
                (second, Stop::End) => Ok((first, second)),
                _ => Err(invalid("{{else}} without {{end}}")),
            },
            Stop::Text => Err(invalid("{{range}} or {{if}} without {{end}}")),
        }
    }
}

fn variables(tokens: &[Token]) -> Result<Vec<String>> {
    let name = |token: &Token| match token {
        Token::Word(word) => word.strip_prefix('$').map(str::to_owned),
        _ => None,
    };
    let names = match tokens {
        [one] => name(one).map(|one| vec![one]),
        [key, Token::Comma, value] => name(key).zip(name(value)).map(|(k, v)| vec![k, v]),
        _ => None,
    };
    names.ok_or_else(|| invalid("write {{range $key, $value := .X}}"))
}

/// One operand alone, or a function with its operands.
fn expression(tokens: &[Token]) -> Result<Expression> {
    let mut rest = tokens;
    let Some(Token::Word(name)) =
        tokens.first().filter(|t| matches!(t, Token::Word(w) if is_function(w)))
    else {
        let value = operand(&mut rest)?;
        return if rest.is_empty() {
            Ok(value)
        } else {
            Err(invalid("an action holds one value, or a function and its values"))
        };
    };
    rest = &tokens[1..];
    let mut arguments = Vec::new();
    while !rest.is_empty() {
        arguments.push(operand(&mut rest)?);
    }
    Ok(Expression::Call(name.clone(), arguments))
}

fn operand(tokens: &mut &[Token]) -> Result<Expression> {
    let (first, rest) = tokens.split_first().ok_or_else(|| invalid("an action holds no value"))?;
    *tokens = rest;
    match first {
        Token::Text(text) => Ok(Expression::Literal(Value::String(text.clone()))),
        Token::Word(word) => self::word(word),
        Token::Open => {
            let mut depth = 1;
            let close = rest.iter().position(|token| {
                match token {
                    Token::Open => depth += 1,
                    Token::Close(_) => depth -= 1,
                    _ => {}
                }
                depth == 0
            });
            let close = close.ok_or_else(|| invalid("a '(' is not closed"))?;
            let inner = expression(&rest[..close])?;
            *tokens = &rest[close + 1..];
            match &rest[close] {
                Token::Close(path) => fields(inner, path),
                _ => Ok(inner),
            }
        }
        Token::Close(_) | Token::Comma | Token::Assign => {
            Err(invalid("a ')', ',' or ':=' stands where a value is expected"))
        }
    }
}

fn word(word: &str) -> Result<Expression> {
    if let Some(path) = word.strip_prefix('$') {
        let (name, path) = path.split_at(path.find('.').unwrap_or(path.len()));
        return fields(Expression::Variable(name.to_owned()), path);
    }
    if word.starts_with('.') {
        return fields(Expression::Dot, word);
    }
    match word.parse::<i64>() {
        Ok(number) => Ok(Expression::Literal(number.into())),
        Err(_) => Err(invalid(format!("function {word:?} is not known; there are {FUNCTIONS:?}"))),
    }
}

/// `base` followed by a path such as `.A.B`, `.` or nothing.
fn fields(base: Expression, path: &str) -> Result<Expression> {
    let Some(path) = path.strip_prefix('.').filter(|path| !path.is_empty()) else {
        return Ok(base);
    };
    path.split('.').try_fold(base, |base, name| match name {
        "" => Err(invalid(format!("the path {path:?} has an empty field"))),
        name => Ok(Expression::Field(Box::new(base), name.to_owned())),
    })
}

fn is_function(word: &str) -> bool {
    FUNCTIONS.contains(&word)
}

fn invalid(why: impl std::fmt::Display) -> Error {
    Error::invalid(format!("cannot use this --format template: {why}"))
}

const FUNCTIONS: [&str; 6] = ["index", "join", "json", "len", "lower", "upper"];
