//! A table by small numbers: what would be a map if its keys were not places in another table.

/// At most one value per number; O(1). Walked in the order of the numbers, so that a run can be replayed.
#[derive(Debug)]
pub(crate) struct Dense<V> {
    places: Vec<Option<Box<V>>>,
    len: usize,
}

impl<V> Default for Dense<V> {
    fn default() -> Self {
        Self { places: Vec::new(), len: 0 }
    }
}

impl<V> Dense<V> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn get(&self, at: u32) -> Option<&V> {
        self.places.get(at as usize)?.as_deref()
    }

    pub(crate) fn get_mut(&mut self, at: u32) -> Option<&mut V> {
        self.places.get_mut(at as usize)?.as_deref_mut()
    }

    pub(crate) fn get_or_insert_with(&mut self, at: u32, make: impl FnOnce() -> V) -> &mut V {
        let at = at as usize;
        if self.places.len() <= at {
            self.places.resize_with(at + 1, || None);
        }
        let place = &mut self.places[at];
        self.len += usize::from(place.is_none());
        place.get_or_insert_with(|| Box::new(make()))
    }

    pub(crate) fn remove(&mut self, at: u32) -> Option<V> {
        let gone = self.places.get_mut(at as usize)?.take()?;
        self.len -= 1;
        if self.len == 0 {
            self.places = Vec::new();
        }
        Some(*gone)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &V)> {
        self.places.iter().enumerate().filter_map(|(at, value)| Some((at as u32, value.as_deref()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_their_numbers_and_walked_in_their_order() {
        let mut table = Dense::default();
        *table.get_or_insert_with(7, || 70) += 1;
        table.get_or_insert_with(2, || 20);
        assert_eq!(*table.get_or_insert_with(7, || 0), 71);
        assert_eq!((table.len(), table.get(7), table.get(8), table.get(3)), (2, Some(&71), None, None));
        assert_eq!(table.iter().collect::<Vec<_>>(), [(2, &20), (7, &71)]);
        assert_eq!((table.remove(7), table.remove(7), table.remove(2), table.len()), (Some(71), None, Some(20), 0));
    }
}
