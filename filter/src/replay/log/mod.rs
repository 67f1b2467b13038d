//! Which calls does an access log tell of? Line by line, in memory that does not grow with it, and
//! with a word on each kind of line that is skipped.

mod clock;
mod fields;
mod input;
mod line;
mod lines;
mod order;
mod reading;
mod skipped;
mod told;

pub use fields::Fields;
pub use input::{Input, in_order};
pub use reading::{Options, Reader, Reading, Sink};
pub use skipped::{Reason, Skipped};
