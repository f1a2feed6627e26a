//! Which bridge should own a shard: rendezvous hashing (Thaler and Ravishankar 1998). Whoever knows the same bridges chooses the same one,
//! and one that comes or goes moves only its own shards.

use longwave_model::ShardId;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The bridge with the highest hash for the shard, by name where two are equal.
pub(crate) fn choose<'a>(shard: ShardId, bridges: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    bridges.into_iter().max_by_key(|bridge| (xxh3_64_with_seed(bridge.as_bytes(), u64::from(shard.0)), *bridge))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bridge_that_goes_moves_only_its_own_shards() {
        let all = ["a", "b", "c"];
        let mut counts = std::collections::BTreeMap::new();
        for shard in (0..300).map(ShardId) {
            let chosen = choose(shard, all).unwrap();
            *counts.entry(chosen).or_insert(0) += 1;
            let without_c = choose(shard, ["b", "a"]).unwrap();
            assert!(chosen == "c" || chosen == without_c);
        }
        assert!(counts.values().all(|count| (60..150).contains(count)), "{counts:?}");
        assert_eq!(choose(ShardId(1), []), None);
    }
}
