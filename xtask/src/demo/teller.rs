//! Types commands on the demo's machines and prints what was typed and what came back.

use crate::{build, run, world::World};
use anyhow::{Context, Result, bail, ensure};
use std::process::Command;

/// Prints a heading.
pub(crate) fn chapter(what: &str) {
    println!("\n# {what}");
}

/// Prints a remark about what was just seen.
pub(crate) fn remark(what: &str) {
    println!("  -> {what}");
}

/// Types `words` on the machine `who`; it must succeed. Returns what came back.
pub(crate) fn types(world: &World, who: &str, words: &[&str]) -> Result<String> {
    let (success, answer) = typed(world, who, words)?;
    ensure!(success, "on {who}, `{}` failed", words.join(" "));
    Ok(answer)
}

/// Types `words` on the machine `who`; it must fail. Returns what came back.
pub(crate) fn fails(world: &World, who: &str, words: &[&str]) -> Result<String> {
    let (success, answer) = typed(world, who, words)?;
    ensure!(!success, "on {who}, `{}` succeeded and must not", words.join(" "));
    Ok(answer)
}

/// Types `words` on the machine `who`; what comes back must hold `wanted`.
pub(crate) fn shows(world: &World, who: &str, words: &[&str], wanted: &str) -> Result<String> {
    let answer = types(world, who, words)?;
    ensure!(
        answer.contains(wanted),
        "on {who}, `{}` should have shown {wanted:?}",
        words.join(" ")
    );
    Ok(answer)
}

/// Whether `words` succeed on the machine `who`; prints nothing.
pub(crate) fn works(world: &World, who: &str, words: &[&str]) -> Result<bool> {
    Ok(run::read(&mut command(world, who, words)?).is_ok())
}

/// How many packets `netctl drops` counts for `reason`.
pub(crate) fn drops(world: &World, reason: &str) -> Result<u64> {
    let listed = run::read(&mut world.netctl(&["drops", "--format", "json"]))?;
    let lines = serde_json::Deserializer::from_str(&listed).into_iter::<serde_json::Value>();
    let mut packets = 0;
    for line in lines {
        let line = line.context("`netctl drops --format json` printed something else")?;
        if line["Name"] == reason {
            packets += line["Packets"].as_u64().context("a drop without a count")?;
        }
    }
    Ok(packets)
}

fn typed(world: &World, who: &str, words: &[&str]) -> Result<(bool, String)> {
    println!("{who}$ {}", words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "));
    let output = command(world, who, words)?
        .output()
        .with_context(|| format!("cannot start {}", words.join(" ")))?;
    let mut answer = String::from_utf8_lossy(&output.stdout).into_owned();
    answer.push_str(&String::from_utf8_lossy(&output.stderr));
    for line in answer.lines() {
        println!("  {line}");
    }
    Ok((output.status.success(), answer))
}

fn command(world: &World, who: &str, words: &[&str]) -> Result<Command> {
    let [program, words @ ..] = words else { bail!("nothing to type") };
    let program = match *program {
        "netctl" => build::binary("netctl").to_string_lossy().into_owned(),
        program => program.to_owned(),
    };
    let mut command = world.inside(who, &program);
    command.args(words);
    Ok(command)
}

/// The word as a shell would want it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+[]".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.into() } else { format!("'{word}'") }
}
