//! Finding what people name: by full identity, by name, or by a unique prefix of an identity.

use super::Spec;
use super::container::Container;
use super::name::Id;
use super::network::Network;
use crate::error::{Error, Result};
use std::path::Path;

/// How a container is referred to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerRef<'a> {
    /// By name, identity or prefix.
    Known(&'a str),
    /// A foreign one, by a process in it: `pid:4242`.
    Pid(i32),
    /// A foreign one, by its namespace's file: `netns:/run/netns/x`.
    Path(&'a Path),
}

impl<'a> ContainerRef<'a> {
    /// Reads a reference.
    ///
    /// # Errors
    /// `Invalid` where it begins like a foreign one and is none.
    pub fn parse(text: &'a str) -> Result<Self> {
        let Some((kind, rest)) = text.split_once(':') else { return Ok(Self::Known(text)) };
        let invalid = |why: &str| Err(Error::invalid(format!("container {text}: {why}")));
        match kind {
            "pid" => match rest.parse() {
                Ok(pid) if pid > 0 && !rest.starts_with('+') => Ok(Self::Pid(pid)),
                _ => invalid("write pid:NUMBER, such as pid:4242"),
            },
            "netns" if rest.starts_with('/') && !rest.contains('\0') => {
                Ok(Self::Path(Path::new(rest)))
            }
            "netns" => {
                invalid("write netns:PATH with an absolute path, such as netns:/run/netns/x")
            }
            "docker" => {
                invalid("docker containers are not supported by this version; use pid:NUMBER")
            }
            _ => invalid("unknown kind of reference; use a name, an id, pid:NUMBER or netns:PATH"),
        }
    }
}

impl Spec {
    /// The network with this identity, name or unique prefix of an identity, tried in this order.
    ///
    /// # Errors
    /// `NotFound` where there is none, `Conflict` where a prefix fits several.
    pub fn network(&self, reference: &str) -> Result<&Network> {
        let all = self.networks.values().map(|n| (&n.id, n.name.as_str(), n));
        find(&Words { kind: "network", list: "netctl network ls" }, reference, all)
    }

    /// The container with this identity, name or unique prefix of an identity, tried in this order.
    ///
    /// # Errors
    /// `NotFound` where there is none, `Conflict` where a prefix fits several.
    pub fn container(&self, reference: &str) -> Result<&Container> {
        let all = self.containers.values().map(|c| (&c.id, c.name.as_str(), c));
        find(&Words { kind: "container", list: "netctl ps -a" }, reference, all)
    }
}

struct Words {
    kind: &'static str,
    list: &'static str,
}

fn find<'a, T>(
    words: &Words,
    reference: &str,
    all: impl Iterator<Item = (&'a Id, &'a str, &'a T)>,
) -> Result<&'a T> {
    let all: Vec<_> = all.collect();
    let exact = all
        .iter()
        .find(|(id, _, _)| id.as_str() == reference)
        .or_else(|| all.iter().find(|(_, name, _)| *name == reference));
    if let Some((_, _, found)) = exact {
        return Ok(found);
    }
    let fits = |id: &Id| !reference.is_empty() && id.as_str().starts_with(reference);
    let fitting: Vec<_> = all.iter().filter(|(id, _, _)| fits(id)).collect();
    let Words { kind, list } = words;
    match fitting.as_slice() {
        [(_, _, found)] => Ok(found),
        [] => Err(Error::not_found(format!("{kind} {reference} not found; \"{list}\" lists them"))),
        several => {
            let several: Vec<_> =
                several.iter().map(|(id, name, _)| format!("{name} ({})", id.short())).collect();
            Err(Error::conflict(format!(
                "{kind} {reference} is ambiguous: it fits {}; use more of the id, or the name",
                several.join(", ")
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(start: &str) -> Id {
        format!("{start:0<64}").parse().unwrap()
    }

    fn look(reference: &str) -> Result<&'static str> {
        let all = [
            (id("abc1"), "web", "web"),
            (id("abc2"), "db", "db"),
            (id("dd"), "abc", "named like a prefix"),
            (id("ee"), &id("dd").to_string(), "named like an id"),
        ];
        let words = Words { kind: "network", list: "netctl network ls" };
        find(&words, reference, all.iter().map(|(id, name, what)| (id, *name, what))).copied()
    }

    #[test]
    fn an_id_wins_over_a_name_and_a_name_over_a_prefix() {
        assert_eq!(look(id("dd").as_str()), Ok("named like a prefix"));
        assert_eq!(look("abc"), Ok("named like a prefix"));
        assert_eq!(look("abc1"), Ok("web"));
        assert_eq!(look("web"), Ok("web"));
        assert_eq!(look("e"), Ok("named like an id"));
    }

    #[test]
    fn an_ambiguous_prefix_names_the_candidates() {
        assert_eq!(
            look("ab").unwrap_err().message,
            "network ab is ambiguous: it fits web (abc100000000), db (abc200000000); use more of the id, or the name"
        );
    }

    #[test]
    fn an_unknown_reference_tells_where_to_look() {
        assert_eq!(
            look("nope").unwrap_err(),
            Error::not_found("network nope not found; \"netctl network ls\" lists them")
        );
        assert!(look("").is_err());
    }

    #[test]
    fn foreign_references_are_told_from_names() {
        assert_eq!(ContainerRef::parse("web"), Ok(ContainerRef::Known("web")));
        assert_eq!(ContainerRef::parse("pid:42"), Ok(ContainerRef::Pid(42)));
        let path = ContainerRef::Path(Path::new("/run/netns/x"));
        assert_eq!(ContainerRef::parse("netns:/run/netns/x"), Ok(path));
        for bad in
            ["pid:", "pid:0", "pid:-1", "pid:+1", "pid:x", "netns:x", "netns:", "docker:web", "x:y"]
        {
            assert!(ContainerRef::parse(bad).is_err(), "{bad}");
        }
    }
}
