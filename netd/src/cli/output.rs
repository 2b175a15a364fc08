//! What people read: standard output, error lines, tables, JSON and questions.

use crate::error::{Error, Result};
use serde::Serialize;
use std::io::{self, BufRead, ErrorKind, IsTerminal, Write};

/// Writes `text` to standard output. Ends the process quietly when nobody reads any more, as
/// programs do that SIGPIPE ends.
///
/// # Errors
/// Where standard output can't be written, such as on a full disk.
pub fn print(text: impl AsRef<[u8]>) -> Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_ref()).and_then(|()| out.flush()) {
        Err(e) if e.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        done => done.map_err(|e| Error::kernel(format!("cannot write to standard output: {e}"))),
    }
}

/// Writes one error line to standard error.
pub fn complain(error: &Error) {
    // There is no place left to report a failure to.
    let _ = writeln!(io::stderr(), "error: {}", tame(&error.message));
}

/// Writes one line that is no failure to standard error.
pub fn warn(text: &str) {
    let _ = writeln!(io::stderr(), "warning: {}", tame(text));
}

/// Text that stays on its line and tells the terminal nothing, whatever it quotes.
fn tame(text: &str) -> String {
    let tame = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.into() };
    text.chars().map(tame).collect()
}

/// Does `what` to each of `names`, prints those that it was done to, goes on after an error.
/// Returns the exit code.
///
/// # Errors
/// Where standard output can't be written.
pub fn each(names: &[String], mut what: impl FnMut(&str) -> Result<()>) -> Result<u8> {
    let mut code = 0;
    for name in names {
        match what(name) {
            Ok(()) => print(format!("{name}\n"))?,
            Err(error) => {
                complain(&error);
                code = 1;
            }
        }
    }
    Ok(code)
}

/// Asks a person a question that needs "y".
///
/// # Errors
/// Where the answer is another one, or nobody is at the terminal to give it.
pub fn confirm(question: &str) -> Result<()> {
    if !io::stdin().is_terminal() {
        return Err(Error::conflict("nobody is at a terminal to confirm it; use -f"));
    }
    let mut err = io::stderr();
    let mut answer = String::new();
    let asked = write!(err, "{question} [y/N] ").and_then(|()| err.flush());
    let answered = asked.and_then(|()| io::stdin().lock().read_line(&mut answer));
    match answer.trim() {
        "y" | "Y" | "yes" if answered.is_ok() => Ok(()),
        _ => Err(Error::conflict("not confirmed, nothing was changed")),
    }
}

/// `value` as JSON over several lines, as `docker inspect` indents it.
///
/// # Errors
/// Where `value` has no JSON form.
pub fn pretty(value: &impl Serialize) -> Result<String> {
    let mut bytes = Vec::new();
    let indent = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    value
        .serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, indent))
        .map_err(|e| Error::internal(format!("cannot write JSON: {e}")))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned() + "\n")
}

/// Columns as Docker lays them out: at least 10 wide, 3 blanks apart.
#[must_use]
pub fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let length = |text: &str| text.chars().count();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| length(cell));
        (cells.max().unwrap_or(0).max(length(header[column])) + GAP).max(NARROWEST)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: String = cells.zip(&widths).map(|(cell, w)| format!("{cell:<w$}")).collect();
        padded.trim_end().to_owned() + "\n"
    };
    let head = line(&mut header.iter().copied());
    rows.iter().fold(head, |text, row| text + &line(&mut row.iter().map(String::as_str)))
}

const GAP: usize = 3;
const NARROWEST: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_look_like_dockers() {
        let rows = vec![vec![
            "0123456789ab".to_owned(),
            "none".to_owned(),
            "null".to_owned(),
            "local".to_owned(),
        ]];
        assert_eq!(
            table(&["NETWORK ID", "NAME", "DRIVER", "SCOPE"], &rows),
            "NETWORK ID     NAME      DRIVER    SCOPE\n0123456789ab   none      null      local\n"
        );
    }

    #[test]
    fn what_is_quoted_can_not_begin_a_line_or_steer_the_terminal() {
        assert_eq!(tame("no a\nb\u{1b}[2J ä"), "no a\\nb\\u{1b}[2J ä");
    }

    #[test]
    fn json_is_indented_by_four() {
        assert_eq!(
            pretty(&serde_json::json!([{"a": 1}])).unwrap(),
            "[\n    {\n        \"a\": 1\n    }\n]\n"
        );
    }
}
