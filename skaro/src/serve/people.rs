//! Rights of users without the operator: to register, to invite others, to found conferences.

use std::num::NonZeroUsize;
use std::time::Duration;

use clap::{Args, ValueEnum};
use skaro_proto::message::Registration;
use skaro_proto::server::{GuessLimit, ServerConfig};

use super::limits::number;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Args)]
pub(crate) struct PeopleOptions {
    /// Lets everybody register, holders of an invitation (see skaro invitation), or nobody. Clients that ask are told.
    #[arg(long, value_enum, default_value_t = Registering::Closed)]
    registration: Registering,
    /// Lets users invite others, if registration is by invitation.
    #[arg(long)]
    users_invite: bool,
    /// Maximum number of valid, unused invitations of one user.
    #[arg(long, value_name = "NUMBER", value_parser = number, default_value = "16")]
    max_invitations_per_user: NonZeroUsize,
    /// Days for which an invitation of a user is valid.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..=3650), default_value = "7")]
    invitation_days: u16,
    /// Number of accounts that may be registered from one address before there is a delay, which doubles with each.
    #[arg(long, value_name = "NUMBER", value_parser = number, default_value = "10")]
    registrations_per_address: NonZeroUsize,
    /// Lets users send messages only to those who have listed them as contacts.
    #[arg(long)]
    contacts_only: bool,
    /// Whom users have as contacts: everybody, or those whom they have added and those who wrote.
    #[arg(long, value_enum, default_value_t = Directory::Everybody)]
    contacts: Directory,
    /// Lets users found conferences.
    #[arg(long)]
    conferences: bool,
    /// Maximum number of members of a conference.
    #[arg(long, value_name = "NUMBER", value_parser = number, default_value = "1000")]
    max_members: NonZeroUsize,
    /// Maximum size of the profile of a user or a conference in bytes, as CBOR.
    #[arg(long, value_name = "BYTES", value_parser = number, default_value = "4096")]
    max_profile_bytes: NonZeroUsize,
}

#[derive(Clone, Copy, ValueEnum)]
enum Registering {
    Open,
    Invitation,
    Closed,
}

#[derive(Clone, Copy, ValueEnum)]
enum Directory {
    Everybody,
    Added,
}

impl PeopleOptions {
    /// Applies the options to a configuration.
    pub(crate) fn apply(&self, config: &mut ServerConfig) {
        config.registration = match self.registration {
            Registering::Open => Registration::Open,
            Registering::Invitation => Registration::Invitation,
            Registering::Closed => Registration::Closed,
        };
        config.users_invite = self.users_invite;
        config.max_invitations_per_user = self.max_invitations_per_user.get();
        config.invitation_lifetime = DAY * u32::from(self.invitation_days);
        let mut limit = GuessLimit::registrations();
        limit.free = u32::try_from(self.registrations_per_address.get()).unwrap_or(u32::MAX);
        config.registrations_per_address = Some(limit);
        config.contacts_only = self.contacts_only;
        config.open_directory = matches!(self.contacts, Directory::Everybody);
        config.users_found_conferences = self.conferences;
        config.max_members = self.max_members.get();
        config.max_profile_bytes = self.max_profile_bytes.get();
    }

    /// Returns whether nobody may register.
    pub(crate) const fn is_closed(&self) -> bool {
        matches!(self.registration, Registering::Closed)
    }

    /// Returns the limit that the store enforces. The store is opened with it.
    pub(crate) const fn max_members(&self) -> usize {
        self.max_members.get()
    }
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches;

    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_machine() {
        let command = PeopleOptions::augment_args(clap::Command::new("people"));
        let options = PeopleOptions::from_arg_matches(&command.get_matches_from(["people"])).unwrap();
        let (mut config, mut default) = (ServerConfig::default(), ServerConfig::default());
        options.apply(&mut config);
        // But for the users of one server, who know each other.
        default.open_directory = true;
        assert_eq!(config, default);
    }
}
