//! The most frequent words of a text. Promise: a component with records in a pipeline.
#![no_std]

extern crate alloc;
extern crate bare;

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

wit_bindgen::generate!({
    inline: "
        package wasmill:examples@1.0.0;
        world words {
            record word-count { word: string, count: u32 }
            /// The `limit` most frequent words, the most frequent first, equals by the alphabet.
            export top-words: func(text: string, limit: u32) -> list<word-count>;
        }
    ",
});

struct Words;

impl Guest for Words {
    fn top_words(text: String, limit: u32) -> Vec<WordCount> {
        let mut counts = BTreeMap::<&str, u32>::new();
        for word in text.split_whitespace() {
            *counts.entry(word).or_default() += 1;
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by(|(left, more), (right, less)| less.cmp(more).then_with(|| left.cmp(right)));
        counts.truncate(limit as usize);
        counts.into_iter().map(|(word, count)| WordCount { word: word.into(), count }).collect()
    }
}

export!(Words);
