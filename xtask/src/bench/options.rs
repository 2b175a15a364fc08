//! What a comparison is asked for on the command line.

use super::placement::Placement;
use crate::{build, run, stage};
use anyhow::{Context, Result, bail, ensure};
use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

/// A comparison's verb, and what it takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verb {
    /// Behind `cargo xtask bench`; its play is called so, too.
    pub(crate) name: &'static str,
    /// Rounds, and rounds of a quick run.
    pub(crate) rounds: (usize, usize),
    /// Options beside `--quick` and `--rounds`.
    pub(crate) takes: &'static [&'static str],
}

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) rounds: usize,
    /// Seconds of a sample.
    pub(crate) seconds: f64,
    /// A look whether everything works; its figures judge nobody.
    pub(crate) quick: bool,
    /// Where the report goes.
    pub(crate) out: PathBuf,
    pub(crate) placement: Placement,
    /// Lists of words, by the option.
    lists: BTreeMap<String, Vec<String>>,
}

impl Verb {
    /// What `words` ask for.
    pub(crate) fn parse(&self, words: &[&str]) -> Result<Options> {
        let quick = words.contains(&"--quick");
        let mut options = Options {
            rounds: if quick { self.rounds.1 } else { self.rounds.0 },
            seconds: if quick { 0.2 } else { 1.0 },
            quick,
            out: run::root().join("target/bench").join(self.name),
            placement: Placement::Two,
            lists: BTreeMap::new(),
        };
        let mut words = words.iter().filter(|word| **word != "--quick");
        while let Some(word) = words.next() {
            if *word != "--rounds" && !self.takes.contains(word) {
                bail!("bench {} has no option {word:?}; `cargo xtask help` lists them", self.name);
            }
            options.set(word, words.next().with_context(|| format!("{word} lacks a value"))?)?;
        }
        ensure!(options.rounds > 0, "--rounds must be at least 1");
        Ok(options)
    }

    /// What `words` ask for, with a folder for the report.
    pub(crate) fn begin(&self, words: &[&str]) -> Result<Options> {
        let options = self.parse(words)?;
        folder(&options.out)?;
        Ok(options)
    }

    /// Builds everything, and has the comparison run as root; its report's folder is the asker's.
    pub(crate) fn run(&self, words: &[&str], options: &Options) -> Result<()> {
        build::run()?;
        if !self.takes.contains(&"--out") {
            return stage::run(self.name, words);
        }
        folder(&options.out)?;
        // The play runs elsewhere: the last --out is the one that counts, and it is a whole path.
        let out = options.out.to_string_lossy().into_owned();
        stage::run(self.name, &[words, &["--out", &out]].concat())
    }
}

impl Options {
    fn set(&mut self, word: &str, value: &str) -> Result<()> {
        match word {
            "--rounds" => {
                let number = value.parse();
                self.rounds =
                    number.with_context(|| format!("--rounds takes a number, not {value:?}"))?;
            }
            "--out" => {
                let here = env::current_dir().context("cannot find this folder")?;
                self.out = here.join(Path::new(value));
            }
            "--processors" => self.placement = Placement::parse(value)?,
            list => {
                let words = value.split(',').map(str::to_owned).collect();
                self.lists.insert(list.to_owned(), words);
            }
        }
        Ok(())
    }

    /// The words of the list `option`, or all that are `known` where it was not given.
    ///
    /// # Errors
    /// A word that nobody knows.
    pub(crate) fn list(&self, option: &str, known: &[&'static str]) -> Result<Vec<&'static str>> {
        let Some(words) = self.lists.get(option) else { return Ok(known.to_vec()) };
        let find = |word: &String| {
            let found = known.iter().find(|known| *known == word).copied();
            found.with_context(|| format!("{option} takes {}, not {word:?}", known.join(", ")))
        };
        words.iter().map(find).collect()
    }

    /// Fails with what is `open`, unless this is only a look.
    pub(crate) fn judge(&self, open: &[String]) -> Result<()> {
        if self.quick || open.is_empty() {
            return Ok(());
        }
        bail!("not as it should be: {}", open.join("; "))
    }
}

fn folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERB: Verb =
        Verb { name: "x", rounds: (7, 1), takes: &["--out", "--peers", "--processors"] };

    #[test]
    fn options_are_read_and_the_last_one_counts() {
        let options = VERB.parse(&["--rounds", "9", "--peers", "veth,docker", "--out", "/tmp/x"]);
        let options = options.unwrap();
        assert_eq!((options.rounds, options.quick), (9, false));
        assert_eq!(options.out, Path::new("/tmp/x"));
        let known = ["veth", "bridge", "docker"];
        assert_eq!(options.list("--peers", &known).unwrap(), ["veth", "docker"]);
        assert!(options.list("--peers", &["veth"]).is_err());
        assert_eq!(VERB.parse(&[]).unwrap().list("--peers", &known).unwrap(), known);
        assert_eq!(VERB.parse(&["--out", "a", "--out", "/b"]).unwrap().out, Path::new("/b"));
        let quick = VERB.parse(&["--rounds", "4", "--quick"]).unwrap();
        assert!(quick.quick && quick.rounds == 4 && VERB.parse(&["--quick"]).unwrap().rounds == 1);
    }

    #[test]
    fn what_it_does_not_know_is_refused() {
        for wrong in [
            &["--rounds"][..],
            &["--rounds", "x"],
            &["--rounds", "0"],
            &["--processors", "3"],
            &["--axes", "ports"],
            &["-q"],
        ] {
            assert!(VERB.parse(wrong).is_err(), "{wrong:?}");
        }
        assert!(VERB.parse(&["--peers", ""]).unwrap().list("--peers", &["veth"]).is_err());
    }

    #[test]
    fn a_look_judges_nobody() {
        let open = ["slow".to_owned()];
        assert!(VERB.parse(&[]).unwrap().judge(&open).is_err());
        assert!(VERB.parse(&["--quick"]).unwrap().judge(&open).is_ok());
    }
}
