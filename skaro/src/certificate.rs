//! `skaro certificate`: a certificate with its key, for trying `wss://`.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use jiff::{Span, Timestamp, tz::TimeZone};
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::pki_types::ServerName;

use crate::exit::{self, Exit, Fault};
use crate::output;
use crate::text::Shown;

/// Creates a self-signed certificate and its key, for trying wss://.
///
/// Clients trust it with --ca cert.pem. For a server on the Internet, use one from an authority such as Let's
/// Encrypt.
#[derive(Args)]
#[command(after_help = exit::TABLE)]
pub(crate) struct CertificateArgs {
    /// The names and addresses of the server.
    #[arg(value_name = "NAME", default_values = ["localhost", "127.0.0.1", "::1"])]
    names: Vec<String>,
    /// The new file for the certificate.
    #[arg(long, value_name = "FILE", default_value = "cert.pem")]
    cert: PathBuf,
    /// The new file for the key, which only its owner can read.
    #[arg(long, value_name = "FILE", default_value = "key.pem")]
    key: PathBuf,
    /// Days for which it is valid.
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u16).range(1..=3650))]
    days: u16,
}

pub(crate) fn run(args: &CertificateArgs) -> Result<Exit, Fault> {
    let (certificate, key) = make(&args.names, args.days)?;
    write(&args.key, &key, 0o600)?;
    write(&args.cert, &certificate, 0o644)?;
    let (cert, key) = (args.cert.display(), args.key.display());
    output::tell(&Shown::from(format!(
        "{cert} and {key} are valid for {} days; clients trust them by --ca {cert}",
        args.days
    )))
}

/// Returns the certificate and its key as PEM.
fn make(names: &[String], days: u16) -> Result<(String, String), Fault> {
    let unusable = |error| Fault::new(Exit::Usage, format!("can't make a certificate: {error}"));
    // A wildcard for all names below a name is allowed as well.
    let is_valid = |name: &&String| ServerName::try_from(name.strip_prefix("*.").unwrap_or(name)).is_ok();
    if let Some(name) = names.iter().find(|name| !is_valid(name)) {
        return Err(Fault::new(Exit::Usage, format!("this is no name or address of a server: {name}")));
    }
    let mut params = CertificateParams::new(names.to_vec()).map_err(unusable)?;
    let name = names.first().map_or("localhost", String::as_str);
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::ExplicitNoCa;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    // A client's clock may be a bit behind.
    let ([begin, end], at) = ([-1, i64::from(days) + 1].map(date), rcgen::date_time_ymd);
    params.not_before = at(begin.0, begin.1, begin.2);
    params.not_after = at(end.0, end.1, end.2);
    let key = KeyPair::generate().map_err(unusable)?;
    let certificate = params.self_signed(&key).map_err(unusable)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

/// Returns year, month and day this many days from now.
fn date(days: i64) -> (i32, u8, u8) {
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    let date = today.saturating_add(Span::new().days(days));
    (i32::from(date.year()), date.month().unsigned_abs(), date.day().unsigned_abs())
}

/// Writes a new file. Fails if the file exists.
fn write(path: &Path, text: &str, mode: u32) -> Result<(), Fault> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let written = options.open(path).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|error| {
        let advice = if error.kind() == io::ErrorKind::AlreadyExists {
            ": remove it, or give another name"
        } else {
            ""
        };
        Fault::new(Exit::Output, format!("can't write {}: {error}{advice}", path.display()))
    })
}
