//! What the code that names a document's fields is walked with.
//!
//! That code is the one list of the fields. Walked with an [`Object`](super::document::Object), it
//! reads a document; walked with an `Outline`, it describes what one may hold. What can be told of a
//! document alone does nothing unless an implementation says otherwise.

use serde_json::Value;

use super::rules::{Entries, OneOf, Rule};

/// One object of the document.
pub(super) trait Fields {
    /// An object inside of it.
    type Below<'b>: Fields;

    /// A field that always has a value; not given, it keeps that of the lower layer.
    fn value<R: Rule>(&mut self, name: &'static str, into: &mut R::Out, rule: &R);

    /// A field that an explicit `null` switches off.
    fn optional<R: Rule>(&mut self, name: &'static str, into: &mut Option<R::Out>, rule: &R);

    /// A field that must be given; `None` if it is not or is wrong, which is noted.
    fn mandatory<R: Rule>(&mut self, name: &'static str, rule: &R) -> Option<R::Out>;

    /// An object.
    fn object(&mut self, name: &'static str, read: impl FnOnce(&mut Self::Below<'_>));

    /// An object in which a secret stands: no error repeats a value of it.
    fn secrets(&mut self, name: &'static str, read: impl FnOnce(&mut Self::Below<'_>));

    /// Either a word or an object, of which `read` makes the same.
    fn word_or_object<R: Rule>(
        &mut self,
        name: &'static str,
        into: &mut R::Out,
        word: &R,
        read: impl FnOnce(&mut Self::Below<'_>) -> Option<R::Out>,
    );

    /// A list of objects, each with its index.
    fn objects(
        &mut self,
        name: &'static str,
        entries: &Entries,
        read: impl FnMut(usize, &mut Self::Below<'_>),
    );

    /// A list of values, none of them twice; `None` if it is not given or is no such list, which is
    /// noted as is every entry that is wrong.
    fn list<R: Rule<Out: PartialEq>>(
        &mut self,
        name: &'static str,
        entries: &Entries,
        rule: &R,
    ) -> Option<Vec<R::Out>>;

    /// As [`list`](Self::list), noting also that it is not given.
    fn mandatory_list<R: Rule<Out: PartialEq>>(
        &mut self,
        name: &'static str,
        entries: &Entries,
        rule: &R,
    ) -> Option<Vec<R::Out>>;

    /// A map of at most `max` entries, no name twice; `None` if it is not given or is no such map.
    fn pairs<N: Rule<Out: PartialEq>, V: Rule>(
        &mut self,
        field: &'static str,
        max: usize,
        names: &N,
        values: &V,
    ) -> Option<Vec<(N::Out, V::Out)>>;

    /// A field whose value decides which others there are; without a `lower` value it must be given.
    /// Reads the others with what it is, `None` if it is missing or wrong, which is noted.
    fn variants<T: Copy + PartialEq>(
        &mut self,
        name: &'static str,
        lower: Option<T>,
        rule: &OneOf<T>,
        read: impl FnMut(&mut Self, Option<T>),
    );

    /// Refuses an object that gives none of these fields.
    fn at_least_one(&mut self, names: &[&'static str]);

    /// Refuses an object that gives none or several of these fields.
    fn exactly_one(&mut self, names: &[&'static str]);

    /// A field's value as it was given; `null` is as good as leaving it out.
    fn given(&mut self, _name: &'static str) -> Option<&Value> {
        None
    }

    /// Whether the field was refused.
    fn is_refused(&self, _name: &str) -> bool {
        false
    }

    /// Takes note of a field that is not read here, so that it is not refused as unknown.
    fn known(&mut self, _name: &'static str) {}

    /// Refuses the value of a field for a reason that goes beyond its own rule.
    fn refuse(&mut self, _name: &'static str, _allowed: &str) {}

    /// Refuses fields that have a meaning only beside other values than those given here.
    fn out_of_place(&mut self, _names: &[&'static str], _allowed: &str) {}

    /// The same for an object in which a secret stands.
    fn secrets_out_of_place(&mut self, _name: &'static str, _allowed: &str) {}

    /// Notes the contradictions between values as they are after layering: each at the first of its
    /// paths that this object gives, since the `lower` layer has answered for the others. Says
    /// nothing where one of the values is not what its author meant.
    fn contradictions(&mut self, _lower: &str, _all: &[Contradiction]) {}

    /// Says nothing about unknown fields: what decides their names is itself wrong.
    fn forgive_unknown(&mut self) {}
}

/// Values that exclude each other.
pub(super) struct Contradiction {
    /// Dotted paths below the object that is checked, the one most likely to be changed first.
    pub(super) between: Vec<&'static str>,
    /// What would be right.
    pub(super) allowed: String,
}
