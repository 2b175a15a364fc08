//! Answers of others, kept for as long as they hold (RFC 1035 7.4, RFC 2308). What some resolvers said
//! is told to nobody who has others.

use super::{message::Facts, protocol::ClientId};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

/// Resolvers, in the order in which they are asked, and from where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Set {
    /// The container in whose network they are asked; [`ClientId::HOST`] for the host's.
    pub place: ClientId,
    /// Where they listen.
    pub servers: Vec<SocketAddr>,
}

/// What answers are found by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// Who was asked.
    pub set: Arc<Set>,
    /// What was asked: [`Query::key`](super::message::Query::key).
    pub question: Box<[u8]>,
}

/// An answer that was examined.
#[derive(Debug)]
pub struct Kept {
    /// As it came.
    pub packet: Box<[u8]>,
    /// What it says.
    pub facts: Facts,
}

/// Answers, bounded in number and bytes; those unused for longest go first.
#[derive(Debug)]
pub struct Cache {
    most: usize,
    most_bytes: usize,
    bytes: usize,
    entries: BTreeMap<Arc<Key>, Entry>,
    /// The order of use, oldest first.
    order: BTreeMap<u64, Arc<Key>>,
    clock: u64,
}

#[derive(Debug)]
struct Entry {
    kept: Arc<Kept>,
    since: Instant,
    used: u64,
}

impl Cache {
    /// Room for so many answers, of so many bytes in all.
    #[must_use]
    pub fn new(most: usize, most_bytes: usize) -> Self {
        let (entries, order) = (BTreeMap::new(), BTreeMap::new());
        Self { most, most_bytes, bytes: 0, entries, order, clock: 0 }
    }

    /// An answer that still holds, and its age in seconds.
    pub fn get(&mut self, key: &Key, now: Instant) -> Option<(Arc<Kept>, u32)> {
        let entry = self.entries.get_mut(key)?;
        let age = now.saturating_duration_since(entry.since);
        if age >= Duration::from_secs(entry.kept.facts.lifetime.into()) {
            self.remove(key);
            return None;
        }
        let own_key = self.order.remove(&entry.used)?;
        self.clock += 1;
        entry.used = self.clock;
        self.order.insert(self.clock, own_key);
        Some((Arc::clone(&entry.kept), u32::try_from(age.as_secs()).unwrap_or(u32::MAX)))
    }

    /// Keeps an answer, if it may be kept at all, in place of an older one.
    pub fn put(&mut self, key: Key, kept: Arc<Kept>, now: Instant) {
        let cost = cost(&key, &kept);
        if kept.facts.lifetime == 0 || cost > self.most_bytes {
            return;
        }
        self.remove(&key);
        while self.entries.len() >= self.most || self.bytes + cost > self.most_bytes {
            let Some((_, oldest)) = self.order.first_key_value() else { return };
            self.remove(&Arc::clone(oldest));
        }
        let key = Arc::new(key);
        self.clock += 1;
        self.bytes += cost;
        self.order.insert(self.clock, Arc::clone(&key));
        self.entries.insert(key, Entry { kept, since: now, used: self.clock });
    }

    /// Forgets what was heard in a container's network.
    pub fn forget(&mut self, place: ClientId) {
        let there: Vec<_> =
            self.entries.keys().filter(|key| key.set.place == place).cloned().collect();
        there.iter().for_each(|key| self.remove(key));
    }

    /// Answers, and the bytes that they cost.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        (self.entries.len(), self.bytes)
    }

    fn remove(&mut self, key: &Key) {
        if let Some(entry) = self.entries.remove(key) {
            self.order.remove(&entry.used);
            self.bytes -= cost(key, &entry.kept);
        }
    }
}

/// Bytes that an answer takes, with its places in the tables.
fn cost(key: &Key, kept: &Kept) -> usize {
    OVERHEAD + key.question.len() + kept.packet.len() + 2 * kept.facts.ttls.len()
}

/// Of an entry: two tree places, three shared values.
const OVERHEAD: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(place: u64, question: u8) -> Key {
        let set = Set { place: ClientId(place), servers: Vec::new() };
        Key { set: Arc::new(set), question: vec![question].into() }
    }

    fn kept(length: usize, lifetime: u32) -> Arc<Kept> {
        let facts =
            Facts { code: 0, truncated: false, lifetime, length, ttls: Vec::new(), bare: false };
        Arc::new(Kept { packet: vec![0; length].into(), facts })
    }

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn an_answer_holds_for_its_time_and_tells_its_age() {
        let (mut cache, start) = (Cache::new(10, 10_000), Instant::now());
        cache.put(key(0, 1), kept(40, 30), start);
        assert_eq!(cache.get(&key(0, 1), after(start, 29)).map(|(_, age)| age), Some(29));
        assert!(cache.get(&key(0, 1), after(start, 30)).is_none());
        assert_eq!(cache.size(), (0, 0));
        cache.put(key(0, 1), kept(40, 0), start);
        assert_eq!(cache.size(), (0, 0));
    }

    #[test]
    fn nobody_hears_what_the_resolvers_of_another_said() {
        let (mut cache, now) = (Cache::new(10, 10_000), Instant::now());
        cache.put(key(1, 1), kept(40, 30), now);
        cache.put(key(2, 1), kept(41, 30), now);
        assert!(cache.get(&key(0, 1), now).is_none());
        assert_eq!(cache.get(&key(2, 1), now).map(|(kept, _)| kept.packet.len()), Some(41));
        cache.forget(ClientId(2));
        assert!(cache.get(&key(2, 1), now).is_none());
        assert!(cache.get(&key(1, 1), now).is_some());
    }

    #[test]
    fn what_was_not_used_for_longest_goes_first() {
        let (mut cache, now) = (Cache::new(2, 10_000), Instant::now());
        cache.put(key(0, 1), kept(40, 30), now);
        cache.put(key(0, 2), kept(40, 30), now);
        cache.get(&key(0, 1), now);
        cache.put(key(0, 3), kept(40, 30), now);
        assert!(cache.get(&key(0, 2), now).is_none());
        assert!(cache.get(&key(0, 1), now).is_some());
    }

    proptest! {
        #[test]
        fn the_bounds_hold_and_the_sums_are_right(
            steps in proptest::collection::vec((0..3_u64, 0..20_u8, 0..900_usize, 0..9_u32), 1..200),
        ) {
            let (mut cache, start) = (Cache::new(8, 4_000), Instant::now());
            for (second, (place, question, length, lifetime)) in steps.into_iter().enumerate() {
                let now = after(start, second as u64);
                if length % 7 == 0 {
                    cache.forget(ClientId(place));
                } else if length % 2 == 0 {
                    cache.get(&key(place, question), now);
                } else {
                    cache.put(key(place, question), kept(length, lifetime), now);
                }
                let costs = cache.entries.iter().map(|(key, entry)| cost(key, &entry.kept));
                prop_assert_eq!(cache.bytes, costs.sum::<usize>());
                prop_assert_eq!(cache.order.len(), cache.entries.len());
                prop_assert!(cache.entries.len() <= 8 && cache.bytes <= 4_000);
            }
        }
    }
}
