//! What a frame says, apart from how it says it.

use skaro_proto::{Fields, Value};

use super::choices::Choices;

/// A value of JSON or CBOR.
#[derive(Clone, Debug)]
pub enum Plain {
    Null,
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    /// JSON has none: a list of numbers there.
    Bytes(Vec<u8>),
    List(Vec<Plain>),
    Map(Vec<(String, Plain)>),
}

/// A value with the ways to say it otherwise.
#[derive(Clone, Debug)]
pub enum Tree {
    Plain(Plain),
    List(Vec<Tree>),
    /// A map. Its listed fields may come in any order, and more than once: then the last one counts.
    Record(Vec<Entry>),
    /// Several ways to say the same; the first is how we write it.
    OneOf(Vec<Tree>),
    /// Left out, if it is the value of a field.
    Absent,
}

#[derive(Clone, Debug)]
pub struct Entry {
    pub name: String,
    pub value: Tree,
    /// Whether the message knows the field. Others are kept in their order.
    pub listed: bool,
}

impl Tree {
    /// One of the ways to say it.
    pub fn resolve(&self, choices: &mut Choices<'_>) -> Plain {
        self.present(choices).expect("only fields are left out")
    }

    fn present(&self, choices: &mut Choices<'_>) -> Option<Plain> {
        Some(match self {
            Tree::Plain(plain) => plain.clone(),
            Tree::List(items) => Plain::List(items.iter().map(|item| item.resolve(choices)).collect()),
            Tree::Record(entries) => Plain::Map(record(entries, choices)),
            Tree::OneOf(ways) => return ways[choices.pick(ways.len())].present(choices),
            Tree::Absent => return None,
        })
    }
}

fn record(entries: &[Entry], choices: &mut Choices<'_>) -> Vec<(String, Plain)> {
    let mut order: Vec<&Entry> = entries.iter().collect();
    for (at, entry) in entries.iter().enumerate().filter(|(_, entry)| entry.listed) {
        let place = order.iter().position(|other| std::ptr::eq(*other, entry)).unwrap_or(at);
        let moved = (place + choices.pick(order.len())) % order.len();
        order.remove(place);
        order.insert(moved, entry);
    }
    let mut fields = Vec::new();
    for entry in order {
        let Some(value) = entry.value.present(choices) else { continue };
        if entry.listed && choices.one_in(16) {
            let junk = [Plain::Null, Plain::Integer(-1), Plain::Text("200".into()), Plain::Map(Vec::new())];
            let junk = junk[choices.pick(junk.len())].clone();
            fields.insert(choices.pick(fields.len() + 1), (entry.name.clone(), junk));
        }
        fields.push((entry.name.clone(), value));
    }
    fields
}

pub fn text(text: &str) -> Tree {
    Tree::Plain(Plain::Text(text.into()))
}

pub fn integer(number: impl Into<i128>) -> Tree {
    Tree::Plain(Plain::Integer(number.into()))
}

/// A field that need not be there: then it may be null as well.
pub fn optional(value: Option<Tree>) -> Tree {
    value.unwrap_or_else(|| Tree::OneOf(vec![Tree::Absent, Tree::Plain(Plain::Null)]))
}

/// A field that is as good as missing if it is `false`.
pub fn flag(name: &str, value: bool) -> Entry {
    let is_false =
        || Tree::OneOf(vec![Tree::Absent, Tree::Plain(Plain::Null), Tree::Plain(Plain::Bool(false))]);
    listed(name, if value { Tree::Plain(Plain::Bool(true)) } else { is_false() })
}

pub fn listed(name: &str, value: Tree) -> Entry {
    Entry { name: name.into(), value, listed: true }
}

pub fn unlisted(fields: &Fields<'_>) -> impl Iterator<Item = Entry> {
    fields.iter().map(|(name, value)| Entry {
        name: name.into_owned(),
        value: Tree::Plain(plain(&value)),
        listed: false,
    })
}

pub fn plain(value: &Value<'_>) -> Plain {
    match value {
        Value::Null => Plain::Null,
        Value::Bool(value) => Plain::Bool(*value),
        Value::Unsigned(number) => Plain::Integer((*number).into()),
        Value::Negative(number) => Plain::Integer((*number).into()),
        Value::Float(number) => Plain::Float(*number),
        Value::Text(text) => Plain::Text(text.to_string()),
        Value::Bytes(bytes) => Plain::Bytes(bytes.to_vec()),
        Value::List(items) => Plain::List(items.iter().map(plain).collect()),
        Value::Map(fields) => {
            Plain::Map(fields.iter().map(|(name, value)| (name.into_owned(), plain(&value))).collect())
        }
    }
}
