//! Names for containers that are given none.

/// A name such as `calm_otter` for which `taken` is false; a number is added where it helps.
pub(super) fn name(taken: impl Fn(&str) -> bool) -> String {
    let pick = |words: &[&'static str]| words[rand::random_range(0..words.len())];
    let name = format!("{}_{}", pick(&ADJECTIVES), pick(&ANIMALS));
    let numbered = (1..=u32::MAX).map(|number| format!("{name}{number}"));
    std::iter::once(name.clone()).chain(numbered).find(|name| !taken(name)).unwrap_or(name)
}

const ADJECTIVES: [&str; 32] = [
    "agile", "brave", "bright", "calm", "clever", "curious", "eager", "fair", "fond", "gentle",
    "glad", "happy", "keen", "kind", "lively", "lucid", "merry", "mild", "neat", "noble",
    "patient", "proud", "quick", "quiet", "rapid", "sharp", "smooth", "steady", "swift", "tidy",
    "warm", "wise",
];

const ANIMALS: [&str; 32] = [
    "badger", "beaver", "bison", "crane", "dolphin", "falcon", "ferret", "finch", "fox", "gecko",
    "heron", "ibis", "jackal", "koala", "lark", "lemur", "lynx", "marten", "mole", "newt", "otter",
    "owl", "panda", "puffin", "raven", "robin", "seal", "stork", "swan", "tapir", "vole", "wren",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::name::Name;
    use std::collections::BTreeSet;

    #[test]
    fn made_up_names_are_valid_and_never_taken() {
        let mut names = BTreeSet::new();
        for _ in 0..2000 {
            let name = name(|name| names.contains(name));
            assert!(name.parse::<Name>().is_ok());
            assert!(names.insert(name));
        }
    }
}
