//! Which category does an error's body, or an error event, name?
//!
//! The body's own shape decides, whatever dialect was asked for: every dialect's words are looked
//! up, and the request's dialect only breaks ties.

use super::Dialect;
use super::facts::{ErrorFacts, is_per_day};
use crate::category::Category;

/// Where in an error a word stands, the most telling place first: a type is coarser than a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Detail,
    Code,
    Type,
    Status,
    Aws,
    Message,
}

const PLACES: [Place; 6] =
    [Place::Detail, Place::Code, Place::Type, Place::Status, Place::Aws, Place::Message];

/// Under which status a row holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Under {
    Any,
    Only(u16),
    /// The word is no more precise than a status would be: it counts where there is none, in an
    /// event or a document under a 2xx.
    Success,
}

/// One word of an error and the category it names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    at: Place,
    word: &'static str,
    category: Category,
    under: Under,
}

impl Row {
    pub(super) const fn new(at: Place, word: &'static str, category: Category) -> Self {
        Self { at, word, category, under: Under::Any }
    }

    /// A row that holds under one status only.
    pub(super) const fn under(status: u16, at: Place, word: &'static str, is: Category) -> Self {
        Self { at, word, category: is, under: Under::Only(status) }
    }

    /// A row that is no more precise than a status.
    pub(super) const fn coarse(at: Place, word: &'static str, category: Category) -> Self {
        Self { at, word, category, under: Under::Success }
    }

    fn says(&self, at: Place, said: &str) -> bool {
        self.at == at
            && match at {
                Place::Message => said.contains(self.word),
                // Headers say `ThrottlingException`, event streams `throttlingException`.
                Place::Aws => said.eq_ignore_ascii_case(self.word),
                _ => said == self.word,
            }
    }
}

/// The category that an error names; `None` if no table knows its words, then the status decides.
///
/// `status` is the HTTP status of the answer, a 2xx for an error event or document under one;
/// `errortype` is the header `x-amzn-errortype`.
#[must_use]
pub fn classify_error(
    dialect: Dialect,
    status: u16,
    errortype: Option<&str>,
    facts: &ErrorFacts,
) -> Option<Category> {
    let found = |coarse: bool| {
        PLACES.into_iter().find_map(|at| {
            let header = errortype.filter(|_| at == Place::Aws).map(bare_exception);
            let said = header.or_else(|| facts.word(at))?;
            let rows = dialect.and_others().flat_map(|it| it.tables().errors);
            rows.filter(|row| match row.under {
                Under::Any => !coarse,
                Under::Only(only) => !coarse && only == status,
                Under::Success => coarse && (200..300).contains(&status),
            })
            .find(|row| row.says(at, said))
        })
    };
    let row = found(false).or_else(|| found(true))?;
    if row.category == Category::RateLimited {
        return limited(row, status, facts);
    }
    Some(row.category)
}

fn limited(row: &Row, status: u16, facts: &ErrorFacts) -> Option<Category> {
    // Groq: one request that is larger than a minute's allowance is a 413 with the code of a rate
    // limit (github.com/HunorLaczko/ha-groq-cloud-api/issues/27). Waiting does not help it.
    if status == 413 {
        return None;
    }
    // Google's and Amazon's daily quotas are one wall until the next day; OpenAI's daily limit
    // refills all the time and says when.
    let daily = facts.per_day || is_per_day(facts.message());
    let walls = matches!(row.at, Place::Status | Place::Aws);
    Some(if walls && daily { Category::QuotaExhausted } else { Category::RateLimited })
}

/// `com.amazon#ThrottlingException:http://…` is a `ThrottlingException`: botocore 1.44.5,
/// `parsers.py`, `BaseRestParser` and `BaseJSONParser._do_error_parse`.
pub(super) fn bare_exception(name: &str) -> &str {
    let name = name.split(':').next().unwrap_or(name);
    name.rsplit('#').next().unwrap_or(name)
}
