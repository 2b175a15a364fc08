//! What `nft -j list ruleset` prints, as far as it matters to netd.

use crate::error::{Error, Result};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A chain that the kernel calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    /// `ip`, `ip6`, `inet`, `bridge`, `netdev` or `arp`.
    pub family: String,
    /// Its table.
    pub table: String,
    /// Its name.
    pub name: String,
    /// Where the kernel calls it: `input`, `forward`, ...
    pub hook: String,
    /// `filter`, `nat` or `route`.
    pub kind: String,
    /// What happens to what no rule decides is `drop`.
    pub drops_rest: bool,
    /// It, or a chain that it leads to, may drop packets.
    pub filters: bool,
    /// It, or a chain that it leads to, translates addresses.
    pub translates: bool,
    /// Who made it, where that is known.
    pub owner: Option<&'static str>,
}

/// The chains of a rule set that the kernel calls.
///
/// # Errors
/// It is not what nft prints.
pub fn parse(text: &str) -> Result<Vec<Chain>> {
    let root: Value = serde_json::from_str(text)
        .map_err(|e| Error::kernel(format!("cannot read what nft prints: {e}")))?;
    let objects = root["nftables"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut tables: BTreeMap<(String, String), Table> = BTreeMap::new();
    for object in objects {
        for kind in ["chain", "rule"] {
            let Some(body) = object.get(kind) else { continue };
            let table = tables.entry((word(body, "family"), word(body, "table"))).or_default();
            table.take(kind, body);
        }
    }
    Ok(tables
        .into_iter()
        .flat_map(|((family, name), table)| table.chains(&family, &name))
        .collect())
}

/// The chains of a table by name, each with its rules' statements.
#[derive(Default)]
struct Table {
    chains: BTreeMap<String, Value>,
    rules: BTreeMap<String, Vec<Value>>,
}

impl Table {
    fn take(&mut self, kind: &str, body: &Value) {
        if kind == "chain" {
            self.chains.insert(word(body, "name"), body.clone());
        } else {
            let statements = body["expr"].as_array().cloned().unwrap_or_default();
            self.rules.entry(word(body, "chain")).or_default().extend(statements);
        }
    }

    fn chains(&self, family: &str, table: &str) -> Vec<Chain> {
        let base = self.chains.iter().filter(|(_, chain)| chain["hook"].is_string());
        let chain = |(name, chain): (&String, &Value)| {
            let drops_rest = chain["policy"] == "drop";
            Chain {
                family: family.to_owned(),
                table: table.to_owned(),
                name: name.clone(),
                hook: word(chain, "hook"),
                kind: word(chain, "type"),
                drops_rest,
                filters: drops_rest || self.reaches(name, &DROPPING, &mut BTreeSet::new()),
                translates: self.reaches(name, &TRANSLATING, &mut BTreeSet::new()),
                owner: self.owner(table),
            }
        };
        base.map(chain).collect()
    }

    /// A rule of the chain, or of one that it leads to, has one of these statements.
    fn reaches(&self, chain: &str, statements: &[&str], visited: &mut BTreeSet<String>) -> bool {
        let Some(rules) = self.rules.get(chain).filter(|_| visited.insert(chain.to_owned())) else {
            return false;
        };
        rules.iter().any(|rule| {
            let text = rule.to_string();
            let leads = ["jump", "goto"].iter().filter_map(|verb| rule[verb]["target"].as_str());
            statements.iter().any(|name| rule.get(name).is_some())
                || is_xtables(&text, statements)
                || leads.into_iter().any(|next| self.reaches(next, statements, visited))
                || in_map(&text, statements)
        })
    }

    fn owner(&self, table: &str) -> Option<&'static str> {
        let has = |start: &str| self.chains.keys().any(|name| name.starts_with(start));
        let owners = [("ufw", "ufw"), ("DOCKER", "Docker"), ("KUBE-", "Kubernetes")];
        if table == "firewalld" {
            return Some("firewalld");
        }
        owners.iter().find(|(start, _)| has(start)).map(|(_, name)| *name)
    }
}

/// iptables' own targets: `{"xt": {"type": "target", "name": "REJECT"}}`.
fn is_xtables(text: &str, statements: &[&str]) -> bool {
    text.contains("\"xt\"")
        && statements
            .iter()
            .any(|name| text.contains(&format!("\"name\":\"{}\"", name.to_uppercase())))
}

/// Verdict maps: `{"vmap": {"data": {"set": [[1, {"drop": null}]]}}}`.
fn in_map(text: &str, statements: &[&str]) -> bool {
    text.contains("\"vmap\"")
        && statements.iter().any(|name| text.contains(&format!("\"{name}\":")))
}

fn word(object: &Value, key: &str) -> String {
    object[key].as_str().unwrap_or_default().to_owned()
}

const DROPPING: [&str; 2] = ["drop", "reject"];
const TRANSLATING: [&str; 4] = ["dnat", "snat", "masquerade", "redirect"];

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(objects: &str) -> Vec<Chain> {
        parse(&format!(
            "{{\"nftables\": [{{\"metainfo\": {{\"version\": \"1.1.0\"}}}}, {objects}]}}"
        ))
        .unwrap()
    }

    const INPUT: &str = r#"{"chain": {"family": "inet", "table": "filter", "name": "input", "handle": 1,
        "type": "filter", "hook": "input", "prio": 0, "policy": "accept"}}"#;

    #[test]
    fn a_policy_of_drop_filters() {
        let drop = INPUT.replace("accept", "drop");
        let chain = &rules(&drop)[0];
        assert!(chain.drops_rest && chain.filters && !chain.translates);
        assert_eq!((chain.family.as_str(), chain.hook.as_str()), ("inet", "input"));
        assert!(!rules(INPUT)[0].filters);
    }

    #[test]
    fn a_rule_behind_a_jump_or_in_a_map_counts() {
        let jump = r#"{"rule": {"family": "inet", "table": "filter", "chain": "input", "handle": 3,
            "expr": [{"jump": {"target": "more"}}]}}"#;
        let more =
            r#"{"chain": {"family": "inet", "table": "filter", "name": "more", "handle": 2}}"#;
        let drop = r#"{"rule": {"family": "inet", "table": "filter", "chain": "more", "handle": 4,
            "expr": [{"counter": {"packets": 1}}, {"drop": null}]}}"#;
        assert!(rules(&[INPUT, more, jump, drop].join(","))[0].filters);
        assert!(!rules(&[INPUT, more, drop].join(","))[0].filters);
        let map = r#"{"rule": {"family": "inet", "table": "filter", "chain": "input", "handle": 3,
            "expr": [{"vmap": {"key": {"ct": {"key": "state"}}, "data": {"set": [["invalid", {"drop": null}]]}}}]}}"#;
        assert!(rules(&[INPUT, map].join(","))[0].filters);
    }

    #[test]
    fn a_loop_of_chains_ends() {
        let jump = r#"{"rule": {"family": "inet", "table": "filter", "chain": "input",
            "expr": [{"goto": {"target": "input"}}]}}"#;
        assert!(!rules(&[INPUT, jump].join(","))[0].filters);
    }

    #[test]
    fn targets_of_iptables_and_their_owners_are_known() {
        let reject = r#"{"rule": {"family": "inet", "table": "filter", "chain": "input",
            "expr": [{"xt": {"type": "target", "name": "REJECT"}}]}}"#;
        let ufw = r#"{"chain": {"family": "inet", "table": "filter", "name": "ufw-user-input"}}"#;
        let chain = &rules(&[INPUT, reject, ufw].join(","))[0];
        assert!(chain.filters);
        assert_eq!(chain.owner, Some("ufw"));
    }

    #[test]
    fn nonsense_is_refused_and_nothing_is_nothing() {
        assert!(parse("nft: command failed").is_err());
        assert_eq!(parse("{\"nftables\": []}"), Ok(Vec::new()));
    }
}
