//! Who may say what. A rule is a word and the only places that may use it; ARCHITECTURE.md says why.

use super::source::Source;

/// A word that only some files may use.
struct Rule {
    /// As it stands in code; a name is matched whole.
    word: &'static str,
    /// Where the rule holds: beginnings of paths.
    within: &'static [&'static str],
    /// Where the word may be used all the same.
    except: &'static [&'static str],
}

/// Every use of a word where it does not belong.
pub(crate) fn faults(files: &[Source]) -> Vec<String> {
    let mut faults = Vec::new();
    for file in files {
        for rule in RULES.iter().filter(|rule| rule.holds_in(&file.path)) {
            let lines = file.code.iter().enumerate();
            for (number, _) in lines.filter(|(_, line)| says(line, rule.word)) {
                faults.push(format!(
                    "{}:{}: `{}` {}",
                    file.path,
                    number + 1,
                    rule.word,
                    rule.only()
                ));
            }
        }
    }
    faults
}

impl Rule {
    fn holds_in(&self, path: &str) -> bool {
        let starts = |list: &[&str]| list.iter().any(|start| path.starts_with(start));
        starts(self.within) && !starts(self.except)
    }

    fn only(&self) -> String {
        match self.except {
            [] => "has no place here".into(),
            places => format!("belongs in {} only", places.join(", ")),
        }
    }
}

/// The line has the word, and not as a part of a longer name.
fn says(line: &str, word: &str) -> bool {
    let name = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].ends_with(name);
        let after = word.ends_with(name) && line[at + word.len()..].starts_with(name);
        !before && !after
    })
}

const PRODUCT: &[&str] = &["netd/src/", "netd-common/src/", "netd-ebpf/src/"];
const PURE: &[&str] = &[
    "netd/src/spec/",
    "netd/src/compose/",
    "netd/src/ipam",
    "netd/src/state",
    "netd/src/plan",
    "netd/src/desired",
    "netd/src/names",
    "netd/src/doctor/",
];

const RULES: &[Rule] = &[
    Rule {
        word: "aya",
        within: PRODUCT,
        except: &["netd/src/kernel/dataplane", "netd-common/src/abi"],
    },
    Rule { word: "rtnetlink", within: PRODUCT, except: &["netd/src/kernel/netlink"] },
    Rule {
        word: "fs::",
        within: PRODUCT,
        except: &[
            "netd/src/store",
            "netd/src/kernel/",
            "netd/src/cli/sandbox",
            "netd/src/config",
            "netd/src/dns/resolv",
            "netd/src/bin/",
        ],
    },
    Rule { word: "unsafe", within: &["netd/src/"], except: &[] },
    Rule {
        word: "unsafe",
        within: &["netd-common/src/"],
        except: &["netd-common/src/abi", "netd-common/src/wire"],
    },
    Rule {
        word: "unsafe",
        within: &["netd-ebpf/src/"],
        except: &[
            "netd-ebpf/src/ctx",
            "netd-ebpf/src/edit",
            "netd-ebpf/src/host",
            "netd-ebpf/src/judge",
            "netd-ebpf/src/maps",
            "netd-ebpf/src/main.rs",
        ],
    },
    Rule { word: "static mut", within: PRODUCT, except: &[] },
    Rule { word: "std", within: &["netd-common/src/", "netd-ebpf/src/"], except: &[] },
    Rule {
        word: "HashMap",
        within: PRODUCT,
        except: &["netd/src/kernel/dataplane", "netd-ebpf/src/maps"],
    },
    // The pure half knows no effect.
    Rule { word: "kernel::", within: PURE, except: &[] },
    Rule { word: "store::", within: PURE, except: &[] },
    Rule { word: "agent::", within: PURE, except: &[] },
    Rule { word: "cli::", within: PURE, except: &[] },
    Rule { word: "tokio", within: PURE, except: &[] },
    Rule { word: "std::process", within: PURE, except: &[] },
    Rule { word: "SystemTime", within: PURE, except: &[] },
    // The command line reaches the agent over the socket.
    Rule { word: "agent::", within: &["netd/src/cli/"], except: &[] },
    Rule { word: "store::", within: &["netd/src/cli/"], except: &[] },
    Rule { word: "plan::", within: &["netd/src/cli/"], except: &[] },
];

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, code: &str) -> Source {
        Source { path: path.into(), code: vec![code.into()] }
    }

    #[test]
    fn a_word_out_of_its_place_is_named_with_its_place() {
        let faults = faults(&[file("netd/src/agent.rs", "use aya::Ebpf;")]);
        let place = "netd/src/kernel/dataplane, netd-common/src/abi";
        assert_eq!(faults, [format!("netd/src/agent.rs:1: `aya` belongs in {place} only")]);
    }

    #[test]
    fn a_word_in_its_place_and_a_longer_name_are_no_fault() {
        let dataplane = file("netd/src/kernel/dataplane/mod.rs", "use aya::Ebpf;");
        let longer = file("netd-ebpf/src/ctx.rs", "use aya_ebpf::programs::TcContext;");
        assert!(faults(&[dataplane, longer]).is_empty());
    }
}
