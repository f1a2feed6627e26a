//! The access list for plain topics, from settings.

use longwave_access::AccessList;
use longwave_settings::Settings;

/// The list that the settings make.
pub(crate) fn access_list(settings: &Settings) -> anyhow::Result<AccessList> {
    let access = settings.access.clone();
    AccessList::new(access.rules, access.groups).map_err(|error| anyhow::anyhow!("{error} (error 5001)"))
}
