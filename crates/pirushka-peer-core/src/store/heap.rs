//! What containers take of the heap, and what they will take when one thing more goes in: the accounts are of real
//! bytes, not of estimates that a clever mix could make wrong.

use std::collections::{HashMap, VecDeque};

/// A block of the heap: the allocator's header and its rounding, none for nothing.
pub(crate) fn block(bytes: usize) -> u64 {
    if bytes == 0 { 0 } else { (bytes as u64 + 8).next_multiple_of(16).max(32) }
}

pub(crate) fn vec_bytes<T>(vec: &Vec<T>) -> u64 {
    block(vec.capacity() * size_of::<T>())
}

/// By how much [`vec_bytes`] grows at most with one element more.
pub(crate) fn vec_growth<T>(vec: &Vec<T>) -> u64 {
    growth::<T>(vec.len(), vec.capacity())
}

pub(crate) fn deque_bytes<T>(deque: &VecDeque<T>) -> u64 {
    block(deque.capacity() * size_of::<T>())
}

/// By how much [`deque_bytes`] grows at most with one element more.
pub(crate) fn deque_growth<T>(deque: &VecDeque<T>) -> u64 {
    growth::<T>(deque.len(), deque.capacity())
}

/// A hash table: a byte of control beside each bucket, an eighth of the buckets free, and the group behind the last.
pub(crate) fn table_bytes<K, V, S>(table: &HashMap<K, V, S>) -> u64 {
    match table.capacity() {
        0 => 0,
        room => block(buckets(room) * (size_of::<(K, V)>() + 1) + 16),
    }
}

/// By how much [`table_bytes`] grows at most with one entry more.
pub(crate) fn table_growth<K, V, S>(table: &HashMap<K, V, S>) -> u64 {
    if table.len() < table.capacity() {
        return 0;
    }
    let after = if table.capacity() == 0 { 4 } else { 2 * buckets(table.capacity()) };
    block(after * (size_of::<(K, V)>() + 1) + 16) - table_bytes(table)
}

/// Gives back what a table has beyond four times its need.
pub(crate) fn shrink_table<K: Eq + std::hash::Hash, V, S: std::hash::BuildHasher>(table: &mut HashMap<K, V, S>) {
    if table.capacity() > 64 && table.capacity() > 4 * table.len() {
        table.shrink_to(table.len());
    }
}

fn buckets(room: usize) -> usize {
    if room < 8 { (room + 1).next_power_of_two() } else { (room * 8 / 7).next_power_of_two() }
}

fn growth<T>(len: usize, capacity: usize) -> u64 {
    if len < capacity {
        return 0;
    }
    let least = if size_of::<T>() <= 1024 { 4 } else { 1 };
    block((2 * capacity).max(least) * size_of::<T>()) - block(capacity * size_of::<T>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_what_the_next_element_brings() {
        let (mut vec, mut deque, mut table) = (vec![], VecDeque::new(), HashMap::new());
        for i in 0..5_000u64 {
            let before = (vec_bytes(&vec), deque_bytes(&deque), table_bytes(&table));
            let by = (vec_growth(&vec), deque_growth(&deque), table_growth(&table));
            vec.push([i; 3]);
            deque.push_back(i);
            table.insert(i, 7u8);
            let after = (vec_bytes(&vec), deque_bytes(&deque), table_bytes(&table));
            assert_eq!(after, (before.0 + by.0, before.1 + by.1, before.2 + by.2), "{i}");
        }
    }

    #[test]
    fn a_table_that_shrank_gives_its_room_back() {
        let mut table: HashMap<u64, u64> = (0..10_000).map(|i| (i, i)).collect();
        table.retain(|i, _| *i < 100);
        shrink_table(&mut table);
        assert!(table_bytes(&table) <= 256 * 17 + 64, "{}", table_bytes(&table));
    }
}
