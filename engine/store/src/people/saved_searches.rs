//! Saved searches. Other people act on a shared one, so sharing, changing and removing it are events of the site; a
//! private one has no event.

use crate::boxed::boxed;
use clawback_model::{
    Actor, Inputs, MOST_SAVED_SEARCHES, Principal, SavedSearch, SavedSearchId, SavedSearchRefused, SavedSearchTerms,
    Timestamp,
};

use crate::chain;
use crate::database::dialect::{Row, Tx, Value};
use crate::error::StoreError;
use crate::rows::{json, number, parse};
use crate::site_events::{SiteEvent, append};
use crate::store::Store;

/// Without conditions, which may be long: a list has none.
const LISTED: &str = "id, owner, name, is_shared, created_at, changed_at, version";

impl Store {
    /// Returns the saved searches of this owner and all that are shared, by name, without their conditions.
    #[tracing::instrument(name = "store.saved_searches", skip_all)]
    #[boxed]
    pub async fn saved_searches(&self, owner: &str) -> Result<Vec<SavedSearch>, StoreError> {
        let sql = format!(
            "SELECT {LISTED} FROM saved_searches WHERE owner = $1 OR is_shared = 1 ORDER BY name_key, owner, id"
        );
        let rows = self.rows(sql, &[owner.into()]).await?;
        rows.iter().map(|row| read(row, Inputs::default())).collect()
    }

    /// Returns one saved search. The caller checks who may open it.
    #[tracing::instrument(name = "store.saved_searches.load", skip_all)]
    #[boxed]
    pub async fn saved_search(&self, id: &SavedSearchId) -> Result<SavedSearch, StoreError> {
        load(&mut self.read().await?, id).await
    }

    /// Adds a saved search of this principal.
    #[tracing::instrument(name = "store.saved_searches.add", skip_all)]
    #[boxed]
    pub async fn add_saved_search(
        &self,
        id: &SavedSearchId,
        terms: &SavedSearchTerms,
        who: &Principal,
        at: Timestamp,
    ) -> Result<SavedSearch, StoreError> {
        let mut tx = self.write().await?;
        // So that concurrent calls do not exceed the limit together.
        chain::lock_chain(&mut tx).await?;
        let owner = who.name.clone();
        let sql = "SELECT COUNT(*) FROM saved_searches WHERE owner = $1";
        let known = tx.row(sql, &[(&owner).into()]).await?.map_or(Ok(0), |row| row.int(0))?;
        if known >= i64::from(MOST_SAVED_SEARCHES) {
            return Err(SavedSearchRefused::TooMany { owner }.into());
        }
        let saved =
            SavedSearch { id: id.clone(), owner, terms: terms.clone(), created_at: at, changed_at: at, version: 1 };
        let sql = "INSERT INTO saved_searches \
                   (id, owner, name, name_key, is_shared, conditions, created_at, changed_at, version) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $7, 1)";
        let [name, key, is_shared, conditions] = values(terms);
        let values = [id.as_str().into(), (&saved.owner).into(), name, key, is_shared, conditions, at.into()];
        tx.execute(sql, &values).await.map_err(|error| taken(error, &saved.owner, terms))?;
        record(&mut tx, None, Some(&saved), who.into(), at).await?;
        tx.commit().await?;
        Ok(saved)
    }

    /// Changes a saved search of this principal, who has seen this version of it.
    #[tracing::instrument(name = "store.saved_searches.change", skip_all)]
    #[boxed]
    pub async fn change_saved_search(
        &self,
        id: &SavedSearchId,
        version: u32,
        terms: &SavedSearchTerms,
        who: &Principal,
        at: Timestamp,
    ) -> Result<SavedSearch, StoreError> {
        let mut tx = self.write().await?;
        chain::lock_chain(&mut tx).await?;
        let known = visible_to(load(&mut tx, id).await?, who)?;
        known.check_change(who, version)?;
        if known.terms == *terms {
            return Ok(known);
        }
        let sql = "UPDATE saved_searches SET name = $1, name_key = $2, is_shared = $3, conditions = $4, \
                   changed_at = $5, version = version + 1 WHERE id = $6";
        let [name, key, is_shared, conditions] = values(terms);
        let values = [name, key, is_shared, conditions, at.into(), id.as_str().into()];
        tx.execute(sql, &values).await.map_err(|error| taken(error, &known.owner, terms))?;
        let now = SavedSearch { terms: terms.clone(), changed_at: at, version: version + 1, ..known.clone() };
        record(&mut tx, Some(&known), Some(&now), who.into(), at).await?;
        tx.commit().await?;
        Ok(now)
    }

    /// Removes a saved search, for its owner or an administrator; returns it.
    #[tracing::instrument(name = "store.saved_searches.remove", skip_all)]
    #[boxed]
    pub async fn remove_saved_search(
        &self,
        id: &SavedSearchId,
        who: &Principal,
        at: Timestamp,
    ) -> Result<SavedSearch, StoreError> {
        let mut tx = self.write().await?;
        chain::lock_chain(&mut tx).await?;
        let known = load(&mut tx, id).await?;
        if !known.may_be_removed_by(who) {
            let known = visible_to(known, who)?;
            let (name, owner) = (known.terms.name, known.owner);
            return Err(SavedSearchRefused::NotTheOwner { name, owner }.into());
        }
        tx.execute("DELETE FROM saved_searches WHERE id = $1", &[id.as_str().into()]).await?;
        record(&mut tx, Some(&known), None, who.into(), at).await?;
        tx.commit().await?;
        Ok(known)
    }
}

/// Answers about a private one of somebody else as if there were none.
fn visible_to(known: SavedSearch, who: &Principal) -> Result<SavedSearch, StoreError> {
    if known.may_be_opened_by(who) { Ok(known) } else { Err(StoreError::not_found("saved search", known.id)) }
}

/// Appends the event of a change: of what others see of it.
async fn record(
    tx: &mut Tx,
    before: Option<&SavedSearch>,
    after: Option<&SavedSearch>,
    actor: Actor<'_>,
    at: Timestamp,
) -> Result<(), StoreError> {
    let is_shared = |one: &&SavedSearch| one.terms.is_shared;
    let event = match (before.filter(is_shared), after.filter(is_shared)) {
        (_, Some(after)) => SiteEvent::SearchShared {
            search: after.id.clone(),
            owner: after.owner.clone(),
            name: after.terms.name.clone(),
            conditions: after.terms.conditions.clone(),
        },
        (Some(before), None) => {
            SiteEvent::SearchUnshared { search: before.id.clone(), name: before.terms.name.clone() }
        }
        (None, None) => return Ok(()),
    };
    append(tx, &event, actor, at).await.map(drop)
}

/// Returns the shared ones with their conditions and the keys of their names, by ID.
pub(crate) async fn shared(tx: &mut Tx) -> Result<Vec<(SavedSearch, String)>, StoreError> {
    let sql = format!("SELECT {LISTED}, conditions, name_key FROM saved_searches WHERE is_shared = 1 ORDER BY id");
    tx.rows(sql, &[]).await?.iter().map(|row| Ok((whole(row)?, row.string(8)?))).collect()
}

async fn load(tx: &mut Tx, id: &SavedSearchId) -> Result<SavedSearch, StoreError> {
    let sql = format!("SELECT {LISTED}, conditions FROM saved_searches WHERE id = $1");
    let row = tx.row(sql, &[id.as_str().into()]).await?;
    whole(&row.ok_or_else(|| StoreError::not_found("saved search", id))?)
}

fn whole(row: &Row) -> Result<SavedSearch, StoreError> {
    read(row, parse(row, 7, "saved_searches", "conditions")?)
}

/// Reads a row that begins with [`LISTED`].
fn read(row: &Row, conditions: Inputs) -> Result<SavedSearch, StoreError> {
    let id = row.text(0)?;
    let id = id.parse().map_err(|_| StoreError::corrupt("saved_searches", "id", id))?;
    let terms = SavedSearchTerms { name: row.string(2)?, is_shared: row.int(3)? == 1, conditions };
    Ok(SavedSearch {
        id,
        owner: row.string(1)?,
        terms,
        created_at: row.time(4)?,
        changed_at: row.time(5)?,
        version: number(row, 6, "saved_searches", "version")?,
    })
}

/// The name, its key, whether it is shared, and the conditions.
fn values(terms: &SavedSearchTerms) -> [Value<'_>; 4] {
    [(&terms.name).into(), terms.name_key().into(), i64::from(terms.is_shared).into(), json(&terms.conditions).into()]
}

fn taken(error: StoreError, owner: &str, terms: &SavedSearchTerms) -> StoreError {
    if error.is_unique_violation() {
        return SavedSearchRefused::Taken { owner: owner.to_owned(), name: terms.name.clone() }.into();
    }
    error
}
