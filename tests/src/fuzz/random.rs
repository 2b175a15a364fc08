//! A small generator of random numbers that gives the same ones for the same seed, always.

/// xorshift64* (Vigna, 2014).
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// The numbers of one seed; nearby seeds have nothing in common.
    #[must_use]
    pub(crate) fn new(seed: u64) -> Self {
        // splitmix64: xorshift must not start at 0, and starts slowly where few bits are set.
        let mut state = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self((state ^ (state >> 31)) | 1)
    }

    /// The next number.
    pub(crate) fn number(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (((self.number() >> 32) * end as u64) >> 32) as usize
    }

    /// True that many times in 100.
    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of them.
    pub(crate) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// Any byte.
    pub(crate) fn byte(&mut self) -> u8 {
        (self.number() >> 56) as u8
    }

    /// Any four bytes, as a number.
    pub(crate) fn word(&mut self) -> u32 {
        (self.number() >> 32) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn a_seed_gives_its_numbers_and_every_value_comes() {
        let (mut one, mut two) = (Random::new(7), Random::new(7));
        assert!((0..100).all(|_| one.number() == two.number()));
        let mut seen = [0; 10];
        (0..10_000).for_each(|_| seen[one.below(10)] += 1);
        assert!(seen.iter().all(|n| (800..1_200).contains(n)), "{seen:?}");
    }
}
