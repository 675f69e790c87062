//! Words: how texts and questions are cut and folded, so that a search finds what a person means.
//!
//! Letter case does not count, nor do marks on Latin and Greek letters (`café` = `cafe`) or stress marks; ё is е, but й
//! stays й. Scripts without spaces are cut letter by letter, and a question's run of letters is a phrase of them.
//! Symbols such as emoji are words. Index and question go through the same function, so they cannot disagree.

use std::collections::BTreeSet;
use std::ops::Range;

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};

use crate::error::{Code, Error, Result};

/// More words than a person types; the index is asked for each.
const WORDS_MAX: usize = 32;
/// What is shown before and after the first hit, in characters.
const BEFORE: usize = 40;
const AFTER: usize = 100;

/// A word of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) folded: String,
    /// Where it stands, in bytes.
    pub(super) place: Range<usize>,
}

/// The words of a text, in order.
pub(super) fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut begun: Option<usize> = None;
    let mut end_word = |begun: &mut Option<usize>, end: usize| {
        if let Some(start) = begun.take() {
            let folded = folded(&text[start..end]);
            if !folded.is_empty() {
                words.push(Word { folded, place: start..end });
            }
        }
    };
    for (at, c) in text.char_indices() {
        match class(c) {
            Class::Letter => drop(begun.get_or_insert(at)),
            // Belongs to the letter before it, whatever that is.
            Class::Mark => {}
            Class::Alone => {
                end_word(&mut begun, at);
                begun = Some(at);
                end_word(&mut begun, at + c.len_utf8());
            }
            Class::Between => end_word(&mut begun, at),
        }
    }
    end_word(&mut begun, text.len());
    words
}

/// A text as the index has it: its words, folded, with a space between.
#[must_use]
pub fn indexed(text: &str) -> String {
    words(text).into_iter().map(|word| word.folded).collect::<Vec<_>>().join(" ")
}

/// What is looked for: every clause must be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Question {
    clauses: Vec<Clause>,
}

/// Words that follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Clause {
    words: Vec<String>,
    /// The last word may go on.
    open: bool,
}

/// A piece of a text, and whether it is what was looked for.
pub type Piece = (String, bool);

impl Question {
    /// Reads what a person typed: words, and phrases in quotes; the last word may be a beginning.
    ///
    /// # Errors
    /// [`Code::BadInput`]: nothing to look for, or too much.
    pub(super) fn read(text: &str) -> Result<Self> {
        let mut clauses = Vec::new();
        let mut add = |text: &str, open: bool| {
            let words: Vec<String> = words(text).into_iter().map(|word| word.folded).collect();
            if !words.is_empty() {
                clauses.push(Clause { words, open });
            }
        };
        let (mut from, mut quoted) = (0, false);
        for (at, c) in text.char_indices() {
            let quote = matches!(c, '"' | '«' | '»' | '“' | '”' | '„');
            if quote || (c.is_whitespace() && !quoted) {
                add(&text[from..at], false);
                from = at + c.len_utf8();
            }
            quoted ^= quote;
        }
        add(&text[from..], true);
        // Blanks at the end do not close the last word; a quote does.
        if let Some(last) = clauses.last_mut()
            && !text.trim_end().ends_with(['"', '»', '”', '“'])
        {
            last.open = true;
        }
        match clauses.iter().map(|clause| clause.words.len()).sum::<usize>() {
            0 => Err(Error::new(Code::BadInput, "there is no word to look for")
                .with_remedy("give letters, digits or a symbol: `pirushka search \"see you\"`")),
            n if n > WORDS_MAX => {
                Err(Error::new(Code::BadInput, format!("{n} words to look for; at most {WORDS_MAX}"))
                    .with_remedy("a few words that stand in the message are enough"))
            }
            _ => Ok(Self { clauses }),
        }
    }

    /// The question in the language of the index. Words hold no quote, so it always parses.
    pub(super) fn expression(&self) -> String {
        let clause = |clause: &Clause| format!("\"{}\"{}", clause.words.join(" "), if clause.open { " *" } else { "" });
        self.clauses.iter().map(clause).collect::<Vec<_>>().join(" AND ")
    }

    /// The stretch of a text around the first hit, with what was looked for marked.
    pub(super) fn snippet(&self, text: &str) -> Vec<Piece> {
        let words = words(text);
        let hits = self.hits(&words);
        let first = hits.first().map_or(0, |&hit| words[hit].place.start);
        // Counted backwards from the hit: a text may be long, and each of its words somebody else's.
        let earliest = text[..first].char_indices().nth_back(BEFORE - 1).map_or(0, |(at, _)| at);
        let mut starts = words.iter().map(|word| word.place.start);
        let start = if earliest == 0 { 0 } else { starts.find(|&at| at >= earliest).unwrap_or(0) };
        let end = text[first..].char_indices().nth(AFTER).map_or(text.len(), |(at, _)| first + at);
        let mut pieces = Vec::new();
        let mut push = |text: &str, hit| {
            if !text.is_empty() {
                pieces.push((text.to_owned(), hit));
            }
        };
        push(if start > 0 { "…" } else { "" }, false);
        let mut at = start;
        for word in hits.into_iter().map(|hit| &words[hit]).filter(|word| word.place.start < end) {
            push(&text[at..word.place.start], false);
            // Of a word that is longer than all that is shown, what is shown.
            at = word.place.end.min(end);
            push(&text[word.place.start..at], true);
        }
        push(&text[at..end], false);
        push(if end < text.len() { "…" } else { "" }, false);
        pieces
    }

    /// Which words are looked for.
    fn hits(&self, words: &[Word]) -> BTreeSet<usize> {
        let found = self.clauses.iter().flat_map(|clause| {
            let len = clause.words.len();
            let stretches = words.windows(len).enumerate().filter(|(_, stretch)| clause.is(stretch));
            stretches.flat_map(move |(at, _)| at..at + len)
        });
        found.collect()
    }
}

impl Clause {
    fn is(&self, stretch: &[Word]) -> bool {
        let last = self.words.len() - 1;
        let fits = |(n, (word, wanted)): (usize, (&Word, &String))| {
            word.folded == *wanted || (n == last && self.open && word.folded.starts_with(wanted.as_str()))
        };
        stretch.iter().zip(&self.words).enumerate().all(fits)
    }
}

/// The stretch of `text` that a search for `question` shows, if it finds it.
///
/// # Errors
/// [`Code::BadInput`]: nothing to look for, or too much.
pub fn shown_of(text: &str, question: &str) -> Result<Vec<Piece>> {
    Ok(Question::read(question)?.snippet(text))
}

enum Class {
    Letter,
    Mark,
    Alone,
    Between,
}

fn class(c: char) -> Class {
    match u32::from(c) {
        0x300..=0x36f => Class::Mark,
        // Thai to Burmese, Khmer; Han, kana and their like.
        0xe00..=0xeff | 0x1000..=0x109f | 0x1780..=0x17ff if c.is_alphanumeric() => Class::Alone,
        0x2e80..=0x2fdf | 0x3005..=0x3007 | 0x3040..=0x30ff | 0x31f0..=0x31ff | 0x3400..=0x4dbf | 0x4e00..=0x9fff => {
            Class::Alone
        }
        0xf900..=0xfaff | 0x20000..=0x3fffd => Class::Alone,
        // Arrows, mathematics, pictures.
        0x2190..=0x2bff | 0x1f000..=0x1faff => Class::Alone,
        _ if c.is_alphanumeric() => Class::Letter,
        _ => Class::Between,
    }
}

/// One word without what does not count.
fn folded(word: &str) -> String {
    let lower = word.to_lowercase();
    let mut out = String::with_capacity(lower.len());
    let mut base = ' ';
    for c in DecomposingNormalizerBorrowed::new_nfkd().normalize_iter(lower.chars()) {
        if ('\u{300}'..='\u{36f}').contains(&c) {
            if counts(base, c) {
                out.push(c);
            }
            continue;
        }
        base = c;
        match c {
            'ß' => out.push_str("ss"),
            'æ' => out.push_str("ae"),
            'œ' => out.push_str("oe"),
            'ø' => out.push('o'),
            'ł' => out.push('l'),
            'đ' | 'ð' => out.push('d'),
            'þ' => out.push_str("th"),
            'ı' => out.push('i'),
            'ς' => out.push('σ'),
            // What a letter falls apart into may hold what stands between words (½ is 1⁄2).
            c if !c.is_ascii() || c.is_ascii_alphanumeric() => out.extend(c.to_lowercase()),
            _ => {}
        }
    }
    // Together again what counts: the beginning of a word must not end inside a letter.
    ComposingNormalizerBorrowed::new_nfc().normalize(&out).into_owned()
}

/// Whether a mark makes another letter of the one below it.
fn counts(base: char, mark: char) -> bool {
    match u32::from(base) {
        // й, ї, ў are letters of their own; ё is written е as a rule, and an accent shows the stress.
        0x400..=0x52f => !(matches!(mark, '\u{300}' | '\u{301}') || (base == 'е' && mark == '\u{308}')),
        0..=0x3ff | 0x1e00..=0x1fff => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(question: &str, text: &str) -> bool {
        let (question, words) = (Question::read(question).unwrap(), words(text));
        question.clauses.iter().all(|clause| words.windows(clause.words.len()).any(|stretch| clause.is(stretch)))
    }

    fn marked(question: &str, text: &str) -> String {
        let pieces = Question::read(question).unwrap().snippet(text);
        pieces.into_iter().map(|(text, hit)| if hit { format!("[{text}]") } else { text }).collect()
    }

    #[test]
    fn case_and_marks_do_not_count_but_short_i_stays_itself() {
        for (question, text) in [
            ("ЕЖИК", "ёжик"),
            ("ёлка", "ЕЛКА"),
            ("йод", "ЙОД"),
            ("cafe", "Café"),
            ("CAFÉ", "cafe"),
            ("strasse", "Straße"),
            ("замок", "за\u{301}мок"),
            ("lodz", "Łódź"),
            ("йод", "и\u{306}од"),
            ("istanbul", "İstanbul"),
            ("οδυσσευς", "Ὀδυσσεύς"),
            ("fi", "ﬁ"),
        ] {
            assert!(finds(question, text), "{question} in {text}");
        }
        for (question, text) in [("иод", "йод"), ("мои", "мой"), ("її", "іі")] {
            assert!(!finds(question, text), "{question} in {text}");
        }
    }

    #[test]
    fn the_last_word_may_be_a_beginning_and_a_phrase_in_quotes_may_not() {
        assert!(finds("see you tom", "See you tomorrow"));
        assert!(!finds("se you", "see you"));
        assert!(finds("\"you tomorrow\"", "see you, tomorrow!"));
        assert!(!finds("\"see tomorrow\"", "see you tomorrow"));
        assert!(!finds("\"you tom\"", "see you tomorrow"));
        assert!(finds("«до завтра» пок", "Пока, до завтра"));
        assert!(finds("e-mail", "my e-mail"));
        assert!(!finds("e-mail", "mail, e"));
    }

    #[test]
    fn scripts_without_spaces_and_symbols_are_found_inside() {
        assert!(finds("日本", "私は日本人です"));
        assert!(!finds("本日", "私は日本人です"));
        assert!(finds("👍", "well done 👍👍"));
    }

    #[test]
    fn nothing_to_look_for_is_said_and_no_question_can_break_the_index() {
        for empty in ["", "  ", "\"\"", "*** -- ()", "«»"] {
            assert_eq!(Question::read(empty).unwrap_err().code, Code::BadInput, "{empty:?}");
        }
        assert_eq!(Question::read(&"a ".repeat(33)).unwrap_err().code, Code::BadInput);
        let odd = Question::read("NEAR(a OR \"b* AND -c:d ^e").unwrap();
        assert_eq!(odd.expression(), "\"near a\" AND \"or\" AND \"b and c d e\" *");
    }

    #[test]
    fn a_hit_in_a_word_longer_than_what_is_shown_is_marked_as_far_as_it_is_shown() {
        let pieces = Question::read("p").unwrap().snippet(&format!("see {}", "p".repeat(300)));
        let expected = [("see ".to_owned(), false), ("p".repeat(AFTER), true), ("…".to_owned(), false)];
        assert_eq!(pieces, expected);
    }

    #[test]
    fn a_snippet_shows_the_first_hit_with_what_stands_around_it() {
        assert_eq!(marked("nine", "See you at NINE!"), "See you at [NINE]!");
        assert_eq!(marked("at se", "See you at nine"), "[See] you [at] nine");
        let long = format!("{} needle {}", "before ".repeat(30), "after ".repeat(40));
        let shown = marked("needle", &long);
        assert!(shown.starts_with("…before") && shown.contains("[needle]") && shown.ends_with('…'), "{shown}");
        assert!(shown.chars().count() < 160, "{shown}");
        assert_eq!(marked("\"b c\"", "c b c b"), "c [b] [c] b");
    }
}
