//! Which Envoys run the filter, and what each of them lacks: the end-to-end suite on each, one after
//! the other, and the table of what came of it.
//!
//! | module | question |
//! |---|---|
//! | [`lacks`] | what do older Envoys not have? |
//! | [`suite`] | how did the suite end on one of them? |
//! | [`table`] | what does the README say about it? |

pub mod lacks;
pub mod suite;
pub mod table;

use std::fmt;
use std::str::FromStr;

/// Of an Envoy, such as 1.36.4.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(Vec<u32>);

impl FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers: Result<Vec<u32>, _> = text.split('.').map(str::parse).collect();
        numbers.ok().filter(|it| it.len() == 3).map(Self).ok_or(format!("{text} is no version"))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<String> = self.0.iter().map(u32::to_string).collect();
        f.write_str(&numbers.join("."))
    }
}
