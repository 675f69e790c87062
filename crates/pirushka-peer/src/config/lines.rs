//! Where the lines of a text begin, counted once for all that asks.

/// Characters are counted up to each multiple of so many bytes.
const BLOCK: usize = 256;

/// Lines and columns of a text.
pub(super) struct Lines<'a> {
    text: &'a [u8],
    /// The byte at which each line begins.
    starts: Vec<usize>,
    /// How many characters begin before each block of [`BLOCK`] bytes.
    characters: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let text = text.as_bytes();
        let newlines = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        let starts = std::iter::once(0).chain(newlines.map(|(at, _)| at + 1)).collect();
        let count = |sum: &mut usize, block: &[u8]| {
            let before = *sum;
            *sum += characters(block);
            Some(before)
        };
        // One more, for what stands behind the last whole block.
        let blocks = text.chunks(BLOCK).chain([&[][..]]);
        let characters = blocks.scan(0, |sum, block| count(sum, block)).collect();
        Self { text, starts, characters }
    }

    /// Line and column of the byte `at`, counted from 1, the column in characters.
    pub(super) fn place(&self, at: usize) -> (usize, usize) {
        let at = at.min(self.text.len());
        let line = self.starts.partition_point(|start| *start <= at);
        let start = self.starts[line - 1];
        (line, self.characters_before(at) - self.characters_before(start) + 1)
    }

    fn characters_before(&self, at: usize) -> usize {
        let block = at / BLOCK;
        self.characters[block] + characters(&self.text[block * BLOCK..at])
    }
}

/// How many characters begin in these bytes of a text.
fn characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0xc0 != 0x80).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn a_place_is_the_same_as_counted_from_the_beginning(text in r#"([a-z]{0,300}|\n|ы{0,200}|🦊){0,12}"#) {
            let lines = Lines::of(&text);
            for (at, _) in text.char_indices().chain([(text.len(), ' ')]) {
                let before = &text[..at];
                let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
                proptest::prop_assert_eq!(lines.place(at), (before.matches('\n').count() + 1, column));
            }
        }
    }

    #[test]
    fn every_place_of_a_long_text_is_found_in_a_moment() {
        // Counted anew for each, these would be some 10^12 steps.
        for text in ["a=1\n".repeat(1 << 18), "a=1,".repeat(1 << 18)] {
            let lines = Lines::of(&text);
            let sum: usize = (0..text.len()).map(|at| lines.place(at).0).sum();
            assert!(sum >= text.len());
        }
    }
}
