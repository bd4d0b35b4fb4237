//! Special folders, if the store itself does not report them.
//!
//! A store's own report (SPECIAL-USE) always wins; these names are the fallback, and the names of new folders.

use crate::{
    host::Host,
    normal::normalise,
    types::{Action, LocationKind},
};

/// The folder of a soft delete, unless the setting `recoverable-folder` names another.
pub const RECOVERABLE: &str = "Recoverable Items";
/// The folder of `move-to-quarantine`, unless the setting `quarantine-folder` names another.
pub const QUARANTINE: &str = "Quarantine";

/// The most bytes of a path, by the contract.
const LONGEST_PATH: usize = 4_096;

/// Returns a name as part of a path, where a store allows `/` in names: no two folders have one path.
pub fn escaped(name: &str) -> String {
    name.replace('\\', "\\\\").replace('/', "\\/")
}

/// Returns the names of a path of [`escaped`] names.
pub fn names(path: &str) -> Vec<String> {
    let (mut names, mut name) = (Vec::new(), String::new());
    let mut characters = path.chars();
    while let Some(character) = characters.next() {
        match character {
            '/' => names.push(std::mem::take(&mut name)),
            '\\' => name.extend(characters.next()),
            other => name.push(other),
        }
    }
    names.push(name);
    names
}

/// Returns why no record can contain this path of a folder, if so: the host would refuse the whole answer.
///
/// A connector omits the folder and reports it as a gap.
pub fn unspeakable(path: &str) -> Option<&'static str> {
    if path.contains(['\0', '\r', '\n']) {
        return Some("its name holds a line break or a NUL, so no plan can name it");
    }
    (path.len() > LONGEST_PATH).then_some("its path is too long")
}

/// Settings that name the folder of a kind, if neither the store nor the folder's name determines it.
pub const SETTINGS: [(&str, LocationKind); 6] = [
    ("recoverable-folder", LocationKind::RecoverableItems),
    ("quarantine-folder", LocationKind::Quarantine),
    ("junk-folder", LocationKind::Junk),
    ("trash-folder", LocationKind::DeletedItems),
    ("archive-folder", LocationKind::Archive),
    ("sent-folder", LocationKind::SentItems),
];

/// Folders that the operator named by [`SETTINGS`], and the two hidden ones, which always have a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named(Vec<(LocationKind, String)>);

impl Named {
    /// Reads the settings of this store.
    pub fn read(host: &impl Host) -> Self {
        let named = SETTINGS.iter().filter_map(|(setting, kind)| {
            let name = host.setting(setting).filter(|name| !name.is_empty());
            let usual = match kind {
                LocationKind::RecoverableItems => Some(RECOVERABLE),
                LocationKind::Quarantine => Some(QUARANTINE),
                _ => None,
            };
            Some((*kind, name.or_else(|| usual.map(str::to_owned))?))
        });
        Self(named.collect())
    }

    /// Returns the kind that the settings give to the folder at this path.
    pub fn kind(&self, path: &str) -> Option<LocationKind> {
        self.0.iter().find(|(_, named)| named == path).map(|(kind, _)| *kind)
    }

    /// Returns the path of the folder that has this kind by the settings.
    pub fn path(&self, kind: LocationKind) -> Option<&str> {
        self.0.iter().find(|(named, _)| *named == kind).map(|(_, path)| path.as_str())
    }
}

/// Names of special folders in the languages in which mail programs create them, as [`normalise`] makes them.
const NAMES: [(LocationKind, &str); 5] = [
    (LocationKind::Inbox, "inbox"),
    (
        LocationKind::Junk,
        "junk|spam|junk e-mail|junk email|junk mail|bulk mail|junk-e-mail|spamverdacht|courrier indésirable|\
        indésirables|pourriel|correo no deseado|lixo eletrônico|lixo eletrónico|posta indesiderata|\
        ongewenste e-mail|wiadomości-śmieci|спам|skräppost|søppelpost|uønsket e-mail|roskaposti|\
        nevyžádaná pošta|gereksiz e-posta|迷惑メール|垃圾邮件|垃圾郵件|정크 메일",
    ),
    (
        LocationKind::DeletedItems,
        "trash|deleted items|deleted messages|deleted|bin|papierkorb|gelöschte elemente|gelöschte objekte|\
        corbeille|éléments supprimés|papelera|elementos eliminados|lixeira|itens excluídos|itens eliminados|\
        cestino|posta eliminata|prullenbak|verwijderde items|kosz|elementy usunięte|корзина|удаленные|\
        papperskorgen|papirkurv|slettet post|roskakori|koš|odstraněná pošta|çöp kutusu|silinmiş öğeler|ゴミ箱|\
        已删除邮件|刪除的郵件|휴지통",
    ),
    (
        LocationKind::SentItems,
        "sent|sent items|sent messages|sent mail|sent-mail|gesendet|gesendete elemente|gesendete objekte|envoyés|\
        éléments envoyés|messages envoyés|enviados|elementos enviados|itens enviados|inviata|posta inviata|\
        verzonden|verzonden items|wysłane|elementy wysłane|отправленные|skickat|sendt|sendt post|lähetetyt|\
        odeslané|odeslaná pošta|gönderilmiş|送信済み|已发送邮件|보낸 편지함",
    ),
    (
        LocationKind::Archive,
        "archive|archives|archived|archiv|archivo|arquivo|archivio|archief|archiwum|архив|arkiv|arkisto|arşiv|\
        アーカイブ|归档",
    ),
];

/// Returns the kind of a top-level folder with this name in any language. `None` for an ordinary folder.
pub fn kind_of_name(name: &str) -> Option<LocationKind> {
    let name = normalise(name);
    NAMES.iter().find(|(_, names)| names.split('|').any(|one| one == name)).map(|(kind, _)| *kind)
}

/// Returns the name with which a missing special folder is created.
pub fn name_of_kind(kind: LocationKind) -> Option<&'static str> {
    Some(match kind {
        LocationKind::Inbox => "INBOX",
        LocationKind::Junk => "Junk",
        LocationKind::DeletedItems => "Trash",
        LocationKind::SentItems => "Sent",
        LocationKind::Archive => "Archive",
        _ => return None,
    })
}

/// Returns the destination of an action. `None` for a hard delete, and for a restore, where each message has its own.
pub fn destination(action: Action) -> Option<LocationKind> {
    match action {
        Action::MoveToJunk => Some(LocationKind::Junk),
        Action::MoveToInbox => Some(LocationKind::Inbox),
        Action::MoveToDeletedItems => Some(LocationKind::DeletedItems),
        Action::SoftDelete => Some(LocationKind::RecoverableItems),
        Action::MoveToQuarantine => Some(LocationKind::Quarantine),
        Action::HardDelete | Action::Restore => None,
    }
}

/// Returns whether the owner must not see mail there, so that a search includes it only on request.
pub fn is_hidden(kind: LocationKind) -> bool {
    matches!(kind, LocationKind::RecoverableItems | LocationKind::Quarantine)
}

/// Returns whether a query wants a folder: by kind, by path, or by naming neither.
pub fn is_wanted(query: &crate::types::Query, kind: LocationKind, path: &str) -> bool {
    if query.locations.is_empty() && query.folders.is_empty() {
        return !is_hidden(kind);
    }
    query.locations.contains(&kind) || query.folders.iter().any(|folder| folder == path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Level;

    struct Settings(&'static [(&'static str, &'static str)]);

    impl Host for Settings {
        fn setting(&self, key: &str) -> Option<String> {
            self.0.iter().find(|(known, _)| *known == key).map(|(_, value)| (*value).to_owned())
        }

        fn log(&self, _: Level, _: &str) {}

        fn now(&self) -> i64 {
            0
        }

        fn sleep(&self, _: std::time::Duration) {}
    }

    #[test]
    fn names_of_other_languages_in_either_spelling() {
        for (name, kind) in [
            ("INBOX", Some(LocationKind::Inbox)),
            ("Papierkorb", Some(LocationKind::DeletedItems)),
            ("E\u{301}le\u{301}ments supprime\u{301}s", Some(LocationKind::DeletedItems)),
            ("GESENDET", Some(LocationKind::SentItems)),
            ("Спам", Some(LocationKind::Junk)),
            ("ゴミ箱", Some(LocationKind::DeletedItems)),
            ("Projects", None),
        ] {
            assert_eq!(kind_of_name(name), kind, "{name}");
        }
    }

    #[test]
    fn the_table_is_normalised() {
        for name in NAMES.iter().flat_map(|(_, names)| names.split('|')) {
            assert_eq!(normalise(name), name);
        }
    }

    #[test]
    fn settings_name_folders() {
        let named =
            Named::read(&Settings(&[("trash-folder", "Müll"), ("junk-folder", ""), ("quarantine-folder", "Q")]));
        assert_eq!(named.kind("Müll"), Some(LocationKind::DeletedItems));
        assert_eq!(named.path(LocationKind::DeletedItems), Some("Müll"));
        assert_eq!(named.path(LocationKind::Junk), None);
        assert_eq!(named.path(LocationKind::Quarantine), Some("Q"));
        assert_eq!(named.path(LocationKind::RecoverableItems), Some(RECOVERABLE));
    }

    #[test]
    fn names_of_a_path_come_back() {
        let path = ["Inbox", "a/b", "\\", ""].map(escaped).join("/");
        assert_eq!(path, "Inbox/a\\/b/\\\\/");
        assert_eq!(names(&path), ["Inbox", "a/b", "\\", ""]);
    }
}
