//! Names by pattern: `*` is any run of characters, `?` any one; the pattern covers the whole name.

/// A pattern for a name, made from its text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Glob(String);

impl Glob {
    /// A glob of this text; every text is one.
    #[must_use]
    pub fn new(pattern: impl Into<String>) -> Self {
        Self(pattern.into())
    }

    /// The text it was made from.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the whole `name` is of this pattern.
    ///
    /// Only the last `*` is ever tried again (an earlier one that takes more cannot help), so this
    /// takes at most as many steps as pattern and name multiplied; without `*`, as the name.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let (mut pattern, mut rest) = (self.0.chars(), name.chars());
        let mut last_star = None;
        loop {
            let mut tail = rest.clone();
            match (pattern.next(), tail.next()) {
                (None, None) => return true,
                (Some('*'), _) => {
                    last_star = Some((pattern.clone(), rest.clone()));
                    continue;
                }
                (Some(wanted), Some(found)) if wanted == '?' || wanted == found => {
                    rest = tail;
                    continue;
                }
                _ => {}
            }
            let Some((after_star, taken)) = &mut last_star else { return false };
            if taken.next().is_none() {
                return false;
            }
            (pattern, rest) = (after_star.clone(), taken.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_glob_covers_the_whole_name() {
        for (pattern, name, expected) in [
            ("openai", "openai", true),
            ("openai", "openai2", false),
            ("openai", "my-openai", false),
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "outbound|443||api.openai.com", true),
            ("?", "", false),
            ("?", "a", true),
            ("?", "ab", false),
            ("?", "ü", true),
            ("outbound|443||*.openai.com", "outbound|443||api.openai.com", true),
            ("outbound|443||*.openai.com", "outbound|443||openai.com", false),
            ("*|443||*", "outbound|443||x", true),
            ("*ab*ab", "abab", true),
            ("*ab*ab", "aba", false),
            ("a*b?c", "aXXbbYc", true),
            ("a*b?c", "aXXbc", false),
            ("**", "x", true),
            ("a*", "a", true),
            ("*a", "ba", true),
            ("[a]", "a", false),
        ] {
            assert_eq!(Glob::new(pattern).matches(name), expected, "{pattern:?} on {name:?}");
        }
    }

    #[test]
    fn a_glob_agrees_with_the_textbook_recursion() {
        fn textbook(pattern: &[char], name: &[char]) -> bool {
            match (pattern.split_first(), name.split_first()) {
                (None, None) => true,
                (Some(('*', rest)), _) => {
                    textbook(rest, name) || !name.is_empty() && textbook(pattern, &name[1..])
                }
                (Some((p, pattern)), Some((n, name))) => {
                    (*p == '?' || p == n) && textbook(pattern, name)
                }
                _ => false,
            }
        }
        let words = |letters: [char; 3], length: u32| {
            (0..3_usize.pow(length)).map(move |number| {
                (0..length).map(|at| letters[number / 3_usize.pow(at) % 3]).collect::<Vec<_>>()
            })
        };
        for pattern in (0..6).flat_map(|length| words(['a', '*', '?'], length)) {
            let glob = Glob::new(pattern.iter().collect::<String>());
            for name in (0..5).flat_map(|length| words(['a', 'b', '*'], length)) {
                let text: String = name.iter().collect();
                assert_eq!(glob.matches(&text), textbook(&pattern, &name), "{glob:?} on {text}");
            }
        }
    }

    #[test]
    fn many_stars_do_not_explode() {
        // Exponential backtracking would not end within anybody's lifetime.
        let glob = Glob::new("*a".repeat(250) + "b");
        assert!(!glob.matches(&"a".repeat(500)));
    }
}
