//! Random messages for netd-dns: no bytes are too strange.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it can't go on")]

use netd_tests::fuzz_dns::{self, Reached};
use std::{
    io::{Write as _, stderr},
    time::{Duration, Instant, SystemTime},
};

#[test]
fn a_million_random_messages_do_no_harm() {
    let seed = match std::env::var("NETD_FUZZ_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => {
            SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as u64
        }
    };
    let start = Instant::now();
    let report = fuzz_dns::run(seed, 1_000_000, Duration::from_secs(60)).unwrap();
    if let Some((note, path)) = &report.found {
        panic!("seed {seed}: {note}\nkept as {}", path.display());
    }
    // Not by a macro: the rate is for whoever reads, also where the test succeeds.
    let seconds = start.elapsed().as_secs_f64();
    let _ = writeln!(stderr(), "{} random messages in {seconds:.1} s", report.messages);
    assert_eq!(report.messages, 1_000_000, "in {seconds:.1} s");
    let answered = [0, 3, 5].map(Reached::Answered);
    let others = [
        Reached::Malformed,
        Reached::Elsewhere,
        Reached::Silence,
        Reached::Passed,
        Reached::Kept,
        Reached::Refused,
    ];
    let missing = |reached: &Reached| report.reached.get(reached).is_none_or(|count| *count < 100);
    let missing: Vec<_> = answered.into_iter().chain(others).filter(missing).collect();
    assert!(missing.is_empty(), "hardly ever: {missing:?} of {:?}", report.reached);
}

#[test]
fn what_was_found_once_stays_mended() {
    let wrong = fuzz_dns::replay().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
