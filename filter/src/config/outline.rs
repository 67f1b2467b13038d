//! What a document may hold, as data: the code that reads the fields, walked without a document.
//!
//! A field's default is the value that the walked code would leave in place. Walked over a
//! [`Policy`] that was read from a document, the defaults are thus the values in force.

use core::mem::{discriminant, take};

use serde_json::Value;

use super::Config;
use super::fields;
use super::form::Form;
use super::rules::{Entries, OneOf, Rule};
use super::walk::Fields;
use crate::policy::Policy;

/// The fields of one object.
#[derive(Clone, Debug, Default)]
pub struct Outline {
    /// In the order in which they are read.
    pub fields: Vec<Field>,
    /// The further fields, if they depend on the value of one of them.
    pub variants: Option<Variants>,
    /// What holds for several fields together.
    pub together: Vec<Together>,
}

/// One field.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Its value where it is not given; `None` for what is not one value, and where it must be.
    pub default: Option<Value>,
    /// What it means that it is not given, or `null`.
    pub presence: Presence,
}

/// What it means that a field is not given, or `null`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Either is a mistake.
    Mandatory,
    /// Either leaves the lower layer's value.
    Layered,
    /// Only not to give it leaves the lower layer's value; `null` switches it off.
    Optional,
}

/// What a field holds.
#[derive(Clone, Debug)]
pub enum Kind {
    /// A value, and in words what it may be.
    Value(Form, String),
    /// An object.
    Object(Outline),
    /// A word or an object, and in words what it may be.
    WordOrObject(Form, String, Outline),
    /// A list of objects, so many at least and at most.
    Objects(usize, usize, Outline),
    /// A list of values, so many at least and at most, and in words what each may be.
    List(usize, usize, Form, String),
    /// A map, so many at most, of names and values, and in words what the values may be.
    Pairs(usize, Form, Form, String),
}

/// The fields that depend on the value of one.
#[derive(Clone, Debug)]
pub struct Variants {
    /// The name of that one.
    pub tag: &'static str,
    /// Its values, each with what else there may be.
    pub of: Vec<(&'static str, Vec<Field>)>,
}

/// What holds for several fields together.
#[derive(Clone, Debug)]
pub enum Together {
    /// One of them must be given.
    AtLeastOne(Vec<&'static str>),
    /// One of them must be given, and no more.
    ExactlyOne(Vec<&'static str>),
}

impl Outline {
    /// The whole document.
    #[must_use]
    pub fn of_document() -> Self {
        let mut outline = Self::default();
        Config::default().read(&mut outline);
        outline
    }

    /// The fields of a policy, the values of `policy` being their defaults.
    #[must_use]
    pub fn of_policy(policy: &Policy) -> Self {
        let mut outline = Self::default();
        fields::read(&mut outline, &mut policy.clone(), true);
        outline
    }

    fn add(&mut self, name: &'static str, kind: Kind, default: Option<Value>) {
        if !self.fields.iter().any(|field| field.name == name) {
            self.fields.push(Field { name, kind, default, presence: Presence::Layered });
        }
    }

    fn mark(&mut self, name: &'static str, presence: Presence) {
        for field in self.fields.iter_mut().filter(|field| field.name == name) {
            field.presence = presence;
        }
    }
}

impl Fields for Outline {
    type Below<'b> = Self;

    fn value<R: Rule>(&mut self, name: &'static str, into: &mut R::Out, rule: &R) {
        self.add(name, Kind::Value(rule.form(), rule.allowed()), Some(rule.show(into)));
    }

    fn optional<R: Rule>(&mut self, name: &'static str, into: &mut Option<R::Out>, rule: &R) {
        let default = into.as_ref().map_or(Value::Null, |value| rule.show(value));
        self.add(name, Kind::Value(rule.form(), rule.allowed()), Some(default));
        self.mark(name, Presence::Optional);
    }

    fn mandatory<R: Rule>(&mut self, name: &'static str, rule: &R) -> Option<R::Out> {
        self.add(name, Kind::Value(rule.form(), rule.allowed()), None);
        self.mark(name, Presence::Mandatory);
        None
    }

    fn object(&mut self, name: &'static str, read: impl FnOnce(&mut Self)) {
        let mut below = Self::default();
        read(&mut below);
        self.add(name, Kind::Object(below), None);
    }

    fn secrets(&mut self, name: &'static str, read: impl FnOnce(&mut Self)) {
        self.object(name, read);
    }

    fn word_or_object<R: Rule>(
        &mut self,
        name: &'static str,
        into: &mut R::Out,
        word: &R,
        read: impl FnOnce(&mut Self) -> Option<R::Out>,
    ) {
        let mut below = Self::default();
        read(&mut below);
        let kind = Kind::WordOrObject(word.form(), word.allowed(), below);
        self.add(name, kind, Some(word.show(into)));
    }

    fn objects(
        &mut self,
        name: &'static str,
        entries: &Entries,
        mut read: impl FnMut(usize, &mut Self),
    ) {
        let mut below = Self::default();
        read(0, &mut below);
        self.add(name, Kind::Objects(entries.min, entries.max, below), None);
    }

    fn list<R: Rule<Out: PartialEq>>(
        &mut self,
        name: &'static str,
        entries: &Entries,
        rule: &R,
    ) -> Option<Vec<R::Out>> {
        let kind = Kind::List(entries.min, entries.max, rule.form(), rule.allowed());
        self.add(name, kind, None);
        None
    }

    fn mandatory_list<R: Rule<Out: PartialEq>>(
        &mut self,
        name: &'static str,
        entries: &Entries,
        rule: &R,
    ) -> Option<Vec<R::Out>> {
        let list = self.list(name, entries, rule);
        self.mark(name, Presence::Mandatory);
        list
    }

    fn pairs<N: Rule<Out: PartialEq>, V: Rule>(
        &mut self,
        field: &'static str,
        max: usize,
        names: &N,
        values: &V,
    ) -> Option<Vec<(N::Out, V::Out)>> {
        let kind = Kind::Pairs(max, names.form(), values.form(), values.allowed());
        self.add(field, kind, None);
        None
    }

    fn variants<T: Copy + PartialEq>(
        &mut self,
        name: &'static str,
        lower: Option<T>,
        rule: &OneOf<T>,
        mut read: impl FnMut(&mut Self, Option<T>),
    ) {
        let is_lower = |value: &T| lower.is_some_and(|it| discriminant(&it) == discriminant(value));
        let word = rule.0.iter().find(|(_, value)| is_lower(value)).map(|(word, _)| (*word).into());
        self.add(name, Kind::Value(rule.form(), rule.allowed()), word);
        if lower.is_none() {
            self.mark(name, Presence::Mandatory);
        }
        let common = take(&mut self.fields);
        let mut read_one = |(word, value): &(&'static str, T)| {
            read(self, Some(*value));
            (*word, take(&mut self.fields))
        };
        // The value in force comes first: the others would overwrite its fields'.
        let (first, others): (Vec<_>, Vec<_>) =
            rule.0.iter().partition(|(_, value)| is_lower(value));
        let mut of: Vec<_> = first.into_iter().chain(others).map(&mut read_one).collect();
        of.sort_by_key(|(word, _)| rule.0.iter().position(|(known, _)| known == word));
        self.fields = common;
        self.variants = Some(Variants { tag: name, of });
    }

    fn at_least_one(&mut self, names: &[&'static str]) {
        self.together.push(Together::AtLeastOne(names.to_vec()));
    }

    fn exactly_one(&mut self, names: &[&'static str]) {
        self.together.push(Together::ExactlyOne(names.to_vec()));
    }
}
