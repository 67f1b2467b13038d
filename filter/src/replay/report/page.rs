//! How is a report shown in a browser? One file that asks for nothing: no script, no font, no picture
//! from elsewhere, and a policy that would forbid them.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::comparison;
use super::figures::{count, counted, moment};
use super::paces;
use super::sheet::{Read, Sheet};
use super::timelines;

const STYLE: &str = include_str!("style.css");
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// The whole page.
#[must_use]
pub fn page(sheet: &Sheet) -> String {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "What the breakers would have done – llm-breaker" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (head(&sheet.read))
                main {
                    (comparison::section(&sheet.runs))
                    (timelines::section(sheet))
                    (paces::section(&sheet.paces))
                    (caveats())
                }
            }
        }
    };
    markup.into_string()
}

fn head(read: &Read) -> Markup {
    html! {
        header {
            h1 { "What the breakers would have done" }
            p {
                strong { (counted(read.calls, "call")) }
                " from " time { (moment(read.from)) } " to " time { (moment(read.until)) } " UTC"
            }
            p.soft { "Read: " (read.sources.join(", ")) }
            @if !read.skipped.is_empty() {
                details {
                    summary { (counted(read.skipped.iter().map(|(_, lines)| lines).sum(), "line")) " not replayed" }
                    ul { @for (why, lines) in &read.skipped { li { (count(*lines)) " × " (why) } } }
                }
            }
        }
    }
}

fn caveats() -> Markup {
    html! {
        section aria-labelledby="caveats" {
            h2 id="caveats" { "What this cannot know" }
            ul.prose {
                li { "A call that a breaker blocks no longer reaches its provider. What the provider would have made of less traffic is not in any log." }
                li { "A caller that is refused may try again. The log has only the calls that were made." }
                li { "A call that was blocked when the log was written has no ending: it is " em { "unknown" } ", and never a false alarm." }
            }
        }
    }
}
