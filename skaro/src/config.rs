//! Options from a file, the environment and the command line, in ascending order of precedence.
//!
//! Each option is declared once, for the command line. Its forms in the file and the environment follow from that.
//!
//! A key of the file has the name of an option, and its value becomes the option's default. The name of an environment
//! variable is `SKARO_` followed by the option's name.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, CommandFactory, FromArgMatches};
use toml::{Spanned, Value};

use crate::Program;
use crate::exit::{Exit, Fault};

/// The file that is read if it exists and no other is given.
const FILE: &str = "skaro.toml";

/// Maximum size of the file in bytes.
const MAX_FILE: u64 = 1 << 20;

/// Options for the command line only: those for a single run, and passwords, which don't belong in a file that others
/// may read.
const NOT_IN_FILES: [&str; 5] = ["config", "check", "user", "help", "version"];

/// The file with a command's options.
#[derive(Args)]
pub(crate) struct ConfigOptions {
    /// A file with options, as KEY = VALUE. The environment, as SKARO_KEY, and the command line outweigh it. Default:
    /// skaro.toml, if there is one here.
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,
}

/// The reason why a command line can't be carried out.
pub(crate) enum Misunderstood {
    /// The command line is wrong, or asks for help.
    Line(clap::Error),
    /// The file is wrong.
    File(Fault),
}

/// Reads the command line, the environment and the file.
pub(crate) fn parse(line: &[OsString]) -> Result<Program, Misunderstood> {
    let command = with_environment(Program::command());
    let matches = command.clone().try_get_matches_from(line).map_err(Misunderstood::Line)?;
    let matches = match matches.subcommand() {
        Some((name, given)) if has_config(&command, name) => {
            let file = read(given.get_one::<PathBuf>("config")).map_err(Misunderstood::File)?;
            match file {
                Some(file) => file.apply(command, name, given, line).map_err(Misunderstood::File)?,
                None => matches,
            }
        }
        _ => matches,
    };
    Program::from_arg_matches(&matches).map_err(Misunderstood::Line)
}

fn has_config(command: &Command, subcommand: &str) -> bool {
    let found = command.find_subcommand(subcommand);
    found.is_some_and(|it| it.get_arguments().any(|arg| arg.get_id() == "config"))
}

/// Returns the same commands, with an environment variable for each option that may be in a file.
fn with_environment(command: Command) -> Command {
    command.mut_subcommands(|subcommand| {
        if !subcommand.get_arguments().any(|arg| arg.get_id() == "config") {
            return subcommand;
        }
        subcommand.mut_args(|arg| {
            let Some(name) = arg.get_long().filter(|name| *name == "config" || !NOT_IN_FILES.contains(name))
            else {
                return arg;
            };
            let variable = format!("SKARO_{}", name.replace('-', "_").to_uppercase());
            arg.env(variable).hide_env_values(true)
        })
    })
}

/// A file with options.
struct Options {
    path: PathBuf,
    text: String,
    values: BTreeMap<Spanned<String>, Spanned<Value>>,
}

fn read(given: Option<&PathBuf>) -> Result<Option<Options>, Fault> {
    let path = given.map_or(Path::new(FILE), PathBuf::as_path);
    let unreadable =
        |error: io::Error| Fault::new(Exit::NoInput, format!("can't read {}: {error}", path.display()));
    let mut text = String::new();
    match File::open(path) {
        Err(error) if given.is_none() && error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.and_then(|file| file.take(MAX_FILE).read_to_string(&mut text)).map_err(unreadable)?,
    };
    let values = toml::from_str(&text).map_err(|error| {
        let line = error.span().map_or(1, |span| line_of(&text, span.start));
        Fault::new(Exit::Config, format!("{}:{line}: {}", path.display(), error.message()))
    })?;
    Ok(Some(Options { path: path.into(), text, values }))
}

/// Returns the number of the line that contains this byte.
fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

impl Options {
    fn fault(&self, key: &Spanned<String>, reason: &str) -> Fault {
        let (path, line) = (self.path.display(), line_of(&self.text, key.span().start));
        Fault::new(Exit::Config, format!("{path}:{line}: {}: {reason}", key.get_ref()))
    }

    /// Reads the command line again, with the file's values as defaults of the options that this command has.
    fn apply(
        &self,
        command: Command,
        subcommand: &str,
        given: &ArgMatches,
        line: &[OsString],
    ) -> Result<ArgMatches, Fault> {
        // The file may contain all options of a server. Other commands use those that they need.
        let known = command.find_subcommand("serve").cloned().unwrap_or_default();
        let own = command.find_subcommand(subcommand).cloned().unwrap_or_default();
        let find = |command: &Command, key: &str| {
            command.get_arguments().find(|arg| arg.get_long() == Some(key)).cloned()
        };
        let mut defaults = Vec::new();
        for (key, value) in &self.values {
            let name = key.get_ref().as_str();
            let is_known = |name: &str| find(&known, name).is_some() && !NOT_IN_FILES.contains(&name);
            if !is_known(name) {
                let other = name.replace('_', "-");
                let hint = if is_known(&other) { other } else { "skaro serve --help has them all".into() };
                return Err(self.fault(key, &format!("there is no such option for files: {hint}")));
            }
            let Some(arg) = find(&own, name) else { continue };
            let value = text_of(value.get_ref(), &arg).map_err(|reason| self.fault(key, reason))?;
            let others = own.get_arg_conflicts_with(&arg);
            let is_given = |other: &&&Arg| {
                let source = given.value_source(other.get_id().as_str());
                matches!(source, Some(ValueSource::CommandLine | ValueSource::EnvVariable))
            };
            if let Some(other) = others.iter().filter_map(|it| it.get_long()).find(|it| self.has(it)) {
                return Err(self.fault(key, &format!("it can't be used with {other}")));
            }
            if !others.iter().any(|other| is_given(&other)) {
                defaults.push((arg.get_id().clone(), value));
            }
        }
        // The command needs to know that there was a file.
        if let Some(path) = self.path.to_str() {
            defaults.push(("config".into(), path.into()));
        }
        let command = command.mut_subcommand(subcommand, |command| {
            let defaults = defaults.into_iter();
            defaults.fold(command, |command, (id, value)| command.mut_arg(id, |arg| arg.default_value(value)))
        });
        command.try_get_matches_from(line).map_err(|error| self.explain(&error))
    }

    fn has(&self, name: &str) -> bool {
        self.values.keys().any(|key| key.get_ref() == name)
    }

    /// Without the file there was no error, so this one is in the file.
    fn explain(&self, error: &clap::Error) -> Fault {
        let argument = match error.get(ContextKind::InvalidArg) {
            Some(ContextValue::String(argument)) => argument.as_str(),
            _ => "",
        };
        let name = argument.trim_start_matches("--").split(' ').next().unwrap_or_default();
        let text = error.to_string();
        let reason = text.split_once("error: ").map_or(&*text, |(_, reason)| reason);
        let reason = reason.split("\n\nFor more").next().unwrap_or_default().trim().replace('\n', " ");
        match self.values.keys().find(|key| key.get_ref() == name) {
            Some(key) => self.fault(key, &reason),
            None => Fault::new(Exit::Config, format!("{}: {reason}", self.path.display())),
        }
    }
}

/// Returns a value of the file as it would be on the command line.
fn text_of(value: &Value, arg: &Arg) -> Result<String, &'static str> {
    let is_flag = matches!(arg.get_action(), ArgAction::SetTrue);
    match value {
        Value::Boolean(value) if is_flag => Ok(value.to_string()),
        _ if is_flag => Err("give true or false"),
        Value::String(value) => Ok(value.clone()),
        Value::Integer(value) => Ok(value.to_string()),
        Value::Float(value) => Ok(value.to_string()),
        _ => Err("give a text in quotes, or a number"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All options of a server that may be in a file, with their defaults.
    fn options() -> BTreeMap<String, Option<String>> {
        let command = Program::command();
        let serve = command.find_subcommand("serve").unwrap();
        let long = serve.get_arguments().filter_map(|arg| Some((arg.get_long()?, arg)));
        let in_files = long.filter(|(name, _)| !NOT_IN_FILES.contains(name));
        in_files
            .map(|(name, arg)| {
                let default =
                    arg.get_default_values().first().map(|value| value.to_str().unwrap().to_owned());
                let is_flag = matches!(arg.get_action(), ArgAction::SetTrue);
                (name.to_owned(), default.or(is_flag.then(|| "false".to_owned())))
            })
            .collect()
    }

    #[test]
    fn the_example_has_every_option_with_its_default() {
        let example = include_str!("../skaro.example.toml");
        let mut found = BTreeMap::new();
        let mut comment = "";
        for line in example.lines() {
            let Some((name, value)) = line.strip_prefix("#").and_then(|it| it.split_once(" = ")) else {
                comment = line;
                continue;
            };
            if name.starts_with(' ') {
                comment = line;
                continue;
            }
            // The line is valid TOML as it stands.
            let value: BTreeMap<String, Value> = toml::from_str(&format!("{name} = {value}")).unwrap();
            let value = value[name].as_str().map_or(value[name].to_string(), str::to_owned);
            let has_default = !comment.contains("No default");
            assert!(found.insert(name.to_owned(), has_default.then_some(value)).is_none(), "{name} twice");
        }
        assert_eq!(found, options());
    }

    #[test]
    fn each_option_has_a_variable() {
        let command = with_environment(Program::command());
        let serve = command.find_subcommand("serve").unwrap();
        for name in options().keys() {
            let arg = serve.get_arguments().find(|arg| arg.get_long() == Some(name)).unwrap();
            let variable = format!("SKARO_{}", name.replace('-', "_").to_uppercase());
            assert_eq!(arg.get_env(), Some(variable.as_ref()));
        }
    }
}
