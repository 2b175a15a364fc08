//! Wrong usage in one line, as every other failure is told.

use clap::{Parser, error::ErrorKind};

/// The command line that this process was started with. Ends the process with exit code 2 where
/// it is wrong, after one line that says why, and with 0 after help that was asked for.
#[must_use]
pub fn parse<T: Parser>() -> T {
    T::try_parse().unwrap_or_else(|error| match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => error.exit(),
        _ => {
            eprintln!("{}", line(&error));
            std::process::exit(2)
        }
    })
}

/// What clap says over several paragraphs, without the usage but with where to find it.
fn line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let (mut says, mut command) = (Vec::new(), String::new());
    for paragraph in text.trim().split("\n\n") {
        let words: Vec<&str> = paragraph.split_whitespace().collect();
        match words.as_slice() {
            ["Usage:", usage @ ..] => {
                let names = usage.iter().take_while(|w| w.starts_with(char::is_alphanumeric));
                command = names.map(|name| format!("{name} ")).collect();
            }
            ["For", "more", "information,", ..] => {}
            words => says.push(words.join(" ")),
        }
    }
    format!("{}; see `{command}--help`", says.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::Cli;

    fn told(args: &[&str]) -> String {
        let line = line(&Cli::try_parse_from(args).unwrap_err());
        assert!(!line.contains('\n'), "{line}");
        line
    }

    #[test]
    fn what_is_missing_is_told_with_where_to_look() {
        assert_eq!(
            told(&["netctl", "network", "create"]),
            "error: the following required arguments were not provided: <NAME>; \
             see `netctl network create --help`"
        );
    }

    #[test]
    fn a_tip_is_kept() {
        assert_eq!(
            told(&["netctl", "stauts"]),
            "error: unrecognized subcommand 'stauts'; tip: a similar subcommand exists: 'status'; \
             see `netctl --help`"
        );
    }

    #[test]
    fn no_value_makes_a_second_line() {
        let line = told(&["netctl", "network", "create", "x", "--label", "=a\n\nUsage: b\nc"]);
        assert!(line.starts_with("error: invalid value '=a"), "{line}");
        assert!(line.ends_with("--help`"), "{line}");
    }
}
