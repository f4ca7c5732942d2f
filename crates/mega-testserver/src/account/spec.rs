//! Accounts as text, for those who do not write Rust.

use crate::service::Service;

/// `EMAIL:PASSWORD` and options, separated by colons.
pub(crate) fn add(server: &Service, spec: &str) -> Result<(), String> {
    let mut parts = spec.split(':');
    let (Some(email), Some(password)) = (parts.next().filter(|e| e.contains('@')), parts.next())
    else {
        return Err(format!("{spec}: EMAIL:PASSWORD is needed"));
    };
    // One that was kept stays as it is.
    if server.with_model(|m| m.user(email).is_some()) {
        return Ok(());
    }
    let mut account = server.account(email, password);
    for option in parts {
        account = match option.split_once('=') {
            None if option == "v1" => account.v1(),
            None if option == "v2" => account.v2(),
            None if option == "nokeys" => account.without_keys(),
            None if option == "bare" => account.bare(),
            None if option == "unconfirmed" => account.unconfirmed(),
            None if option == "blocked" => account.blocked(),
            Some(("totp", secret)) => account.second_factor(secret),
            Some(("tree", size)) => {
                let (folders, files) = size
                    .split_once('x')
                    .ok_or_else(|| format!("tree={size}: FOLDERSxFILES is needed"))?;
                account.generated_tree(parse("tree", folders)?, parse("tree", files)?)
            }
            Some(("quota", bytes)) => account.quota(parse("quota", bytes)?),
            _ => {
                return Err(format!("{spec}: {option} is not an option; see --help"));
            }
        };
    }
    account.create();
    Ok(())
}

fn parse<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, String> {
    value
        .parse()
        .map_err(|_| format!("{name}: {value} cannot be read"))
}
