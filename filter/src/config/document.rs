//! Walks the objects of a document: reads fields by rule, collects every mistake with its path.
//!
//! A field that was asked for is known; what remains when an object was read is an error. So the
//! code that reads an object is also the one list of its fields.

mod collections;

use serde_json::{Map, Value};

use super::errors::{Errors, join};
use super::rules::Rule;

/// One object of the document, while it is read.
pub(super) struct Object<'a> {
    path: String,
    fields: &'a Map<String, Value>,
    /// What can be given here, as an error names it.
    known: Vec<&'static str>,
    /// Known, but of no use to somebody who looks for a field's name.
    unnamed: Vec<&'static str>,
    errors: &'a mut Errors,
    forgiving: bool,
    values: Values,
}

/// Whether an error may repeat the values of an object.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Values {
    Shown,
    /// There may be a secret among them.
    Concealed,
}

/// Values that exclude each other.
pub(super) struct Contradiction {
    /// Dotted paths below the object that is checked, the one most likely to be changed first.
    pub(super) between: Vec<&'static str>,
    /// What would be right.
    pub(super) allowed: String,
}

impl<'a> Object<'a> {
    /// Reads the document itself.
    pub(super) fn root(
        fields: &'a Map<String, Value>,
        errors: &'a mut Errors,
        read: impl FnOnce(&mut Object<'_>),
    ) {
        Self::walk(String::new(), fields, Values::Shown, errors, read);
    }

    /// A field's value as it was given; `null` is as good as leaving it out.
    pub(super) fn given(&mut self, name: &'static str) -> Option<&'a Value> {
        self.raw(name).filter(|value| !value.is_null())
    }

    /// Reads a field that always has a value; not given, it keeps that of the lower layer.
    pub(super) fn value<R: Rule>(&mut self, name: &'static str, into: &mut R::Out, rule: &R) {
        if let Some(value) = self.given(name)
            && let Some(read) = self.read(name, value, rule)
        {
            *into = read;
        }
    }

    /// Reads a field that an explicit `null` switches off.
    pub(super) fn optional<R: Rule>(
        &mut self,
        name: &'static str,
        into: &mut Option<R::Out>,
        rule: &R,
    ) {
        match self.raw(name) {
            None => {}
            Some(Value::Null) => *into = None,
            Some(value) => {
                if let Some(read) = self.read(name, value, rule) {
                    *into = Some(read);
                }
            }
        }
    }

    /// Reads a field that must be given; `None` if it is not or is wrong, which is noted.
    pub(super) fn mandatory<R: Rule>(&mut self, name: &'static str, rule: &R) -> Option<R::Out> {
        let Some(value) = self.given(name) else {
            self.errors.missing(join(&self.path, name), &rule.allowed());
            return None;
        };
        self.read(name, value, rule)
    }

    /// Reads an object.
    pub(super) fn object(&mut self, name: &'static str, read: impl FnOnce(&mut Object<'_>)) {
        if let Some(value) = self.given(name) {
            Object::enter(join(&self.path, name), value, self.errors, read);
        }
    }

    /// Reads an object in which a secret stands: no error repeats a value of it.
    pub(super) fn secrets(&mut self, name: &'static str, read: impl FnOnce(&mut Object<'_>)) {
        let Some(value) = self.given(name) else { return };
        let path = join(&self.path, name);
        match value.as_object() {
            Some(fields) => Object::walk(path, fields, Values::Concealed, self.errors, read),
            None => self.errors.concealed(path, "an object"),
        }
    }

    /// Refuses an object in which a secret stands, where it has no meaning.
    pub(super) fn secrets_out_of_place(&mut self, name: &'static str, allowed: &str) {
        if self.given(name).is_some() {
            self.errors.concealed(join(&self.path, name), allowed);
        }
    }

    /// Takes note of a field that was read elsewhere.
    pub(super) fn known(&mut self, name: &'static str) {
        if !self.known.contains(&name) {
            self.known.push(name);
        }
    }

    /// Refuses the fields that this version does not act on yet, but for `null`.
    pub(super) fn later(&mut self, names: &[&'static str]) {
        for name in names {
            self.unnamed.push(name);
            if let Some(value) = self.fields.get(*name).filter(|value| !value.is_null()) {
                self.errors.unsupported(join(&self.path, name), value, "null, or leave it out");
            }
        }
    }

    /// Whether the field is there and `null`.
    pub(super) fn says_null(&mut self, name: &'static str) -> bool {
        self.raw(name).is_some_and(Value::is_null)
    }

    /// Refuses the value of a field for a reason that goes beyond its own rule.
    pub(super) fn refuse(&mut self, name: &'static str, allowed: &str) {
        if let Some(value) = self.given(name) {
            self.errors.wrong(join(&self.path, name), value, allowed);
        }
    }

    /// Refuses this object for what its fields are together.
    pub(super) fn refuse_all(&mut self, allowed: &str) {
        let fields = Value::Object(self.fields.clone());
        self.errors.wrong(self.path.clone(), &fields, allowed);
    }

    /// Refuses fields that have a meaning only beside other values than those given here.
    pub(super) fn out_of_place(&mut self, names: &[&'static str], allowed: &str) {
        self.unnamed.extend(names);
        for name in names {
            if let Some(value) = self.fields.get(*name).filter(|value| !value.is_null()) {
                self.errors.wrong(join(&self.path, name), value, allowed);
            }
        }
    }

    /// Notes the contradictions between values as they are after layering: each at the first of its
    /// paths that this object gives, since the `lower` layer has answered for the others. Says
    /// nothing where one of the values is not what its author meant.
    pub(super) fn contradictions(&mut self, lower: &str, all: &[Contradiction]) {
        // All are looked up before any is noted, lest one of them hide another.
        let found: Vec<_> = all.iter().filter_map(|one| self.blame(lower, one)).collect();
        for (path, value, allowed) in found {
            self.errors.wrong(path, value, allowed);
        }
    }

    fn blame<'c>(
        &self,
        lower: &str,
        contradiction: &'c Contradiction,
    ) -> Option<(String, &'a Value, &'c str)> {
        let paths = contradiction.between.iter();
        let spoilt = paths.clone().any(|path| {
            self.errors.spoil(&self.below(path))
                || self.lookup(path).is_none() && self.errors.spoil(&format!("{lower}.{path}"))
        });
        let (path, value) = paths.into_iter().find_map(|path| Some((path, self.lookup(path)?)))?;
        (!spoilt).then(|| (self.below(path), value, contradiction.allowed.as_str()))
    }

    /// Whether the field was refused.
    pub(super) fn is_refused(&self, name: &str) -> bool {
        self.errors.spoil(&join(&self.path, name))
    }

    /// Says nothing about unknown fields: what decides their names is itself wrong.
    pub(super) fn forgive_unknown(&mut self) {
        self.forgiving = true;
    }

    fn enter(path: String, value: &Value, errors: &mut Errors, read: impl FnOnce(&mut Object<'_>)) {
        match value.as_object() {
            Some(fields) => Object::walk(path, fields, Values::Shown, errors, read),
            None => errors.wrong(path, value, "an object"),
        }
    }

    fn walk(
        path: String,
        fields: &Map<String, Value>,
        values: Values,
        errors: &mut Errors,
        read: impl FnOnce(&mut Object<'_>),
    ) {
        let (known, unnamed) = (Vec::new(), Vec::new());
        let mut object = Object { path, fields, known, unnamed, errors, forgiving: false, values };
        read(&mut object);
        if !object.forgiving {
            object.refuse_unknown();
        }
    }

    fn refuse_unknown(&mut self) {
        for (name, value) in self.fields {
            if !self.known.contains(&name.as_str()) && !self.unnamed.contains(&name.as_str()) {
                let path = join(&self.path, name);
                let known = self.known.join(", ");
                match self.values {
                    Values::Shown => self.errors.unknown(path, value, &known),
                    Values::Concealed => self.errors.unknown_concealed(path, &known),
                }
            }
        }
    }

    fn raw(&mut self, name: &'static str) -> Option<&'a Value> {
        self.known(name);
        self.fields.get(name)
    }

    fn read<R: Rule>(&mut self, name: &str, value: &Value, rule: &R) -> Option<R::Out> {
        let read = rule.read(value);
        if read.is_none() {
            let path = join(&self.path, name);
            match self.values {
                Values::Shown => self.errors.wrong(path, value, &rule.allowed()),
                Values::Concealed => self.errors.concealed(path, &rule.allowed()),
            }
        }
        read
    }

    fn lookup(&self, path: &str) -> Option<&'a Value> {
        let (first, rest) = path.split_once('.').map_or((path, None), |(a, b)| (a, Some(b)));
        let value = self.fields.get(first)?;
        rest.map_or(Some(value), |name| value.get(name)).filter(|value| !value.is_null())
    }

    fn below(&self, path: &str) -> String {
        format!("{}.{path}", self.path)
    }
}
