//! `clawback saved-searches`: conditions of a search under a name. `clawback submit --saved-search` uses them.

use clawback_action_center::json::{ChangedSearchJson, MeJson, NewSavedSearchJson, SavedSearchJson};
use clawback_model::normal::normalise;
use clawback_model::{Inputs, SavedSearchId, visible_line};

use crate::args::{Format, Global, SaveSearchArgs, SavedSearchesCommand};
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::open::Stores;
use crate::output;

/// The path of the API.
const PATH: &str = "saved-searches";
/// Names that an error lists.
const NEAR: usize = 5;
/// Characters of a name in an error.
const NAMED: usize = 100;

pub(crate) async fn run(global: &Global, command: SavedSearchesCommand) -> Result<Exit, Failure> {
    let stores = match &command {
        SavedSearchesCommand::Save(args) if args.conditions.like.is_some() => Stores::Examiner,
        _ => Stores::None,
    };
    let client = Client::open(global, stores).await?;
    match command {
        SavedSearchesCommand::List(shape) => {
            let all: Vec<SavedSearchJson> = client.get(&[PATH], &[]).await?;
            if all.is_empty() {
                output::note("no search is saved; `clawback saved-searches save` and the page Search save one");
            }
            shape.print(global.format, &all, None)?;
        }
        SavedSearchesCommand::Show { name } => show(global, &named(&client, &name).await?)?,
        SavedSearchesCommand::Save(args) => save(global, &client, *args).await?,
        SavedSearchesCommand::Remove { name } => {
            let id = id_of(&client, &name).await?;
            client.delete::<()>(&[PATH, &id]).await?;
            output::line(&format!("removed {id}"))?;
        }
    }
    Ok(Exit::Done)
}

/// The saved search of this name or ID, with its conditions.
pub(super) async fn named(client: &Client, name: &str) -> Result<SavedSearchJson, Failure> {
    let id = id_of(client, name).await?;
    client.get(&[PATH, &id], &[]).await
}

/// Adds the conditions of a saved search to those that were given. A second value of a condition would be an alternative, and the
/// selection would grow, so none may be given twice.
pub(super) fn add(saved: &SavedSearchJson, inputs: &mut Inputs) -> Result<(), Failure> {
    for (name, values) in saved.conditions.iter() {
        if inputs.get(name).is_some() {
            let of = visible_line(&saved.name, NAMED);
            return Err(Failure::misuse(format!("the saved search `{of}` has the condition `{name}` already"))
                .hint("leave that option out, or save the search with the other value under another name"));
        }
        for value in values {
            inputs.push(name, value);
        }
    }
    Ok(())
}

async fn id_of(client: &Client, name: &str) -> Result<String, Failure> {
    if let Ok(id) = name.parse::<SavedSearchId>() {
        return Ok(id.into());
    }
    let all: Vec<SavedSearchJson> = client.get(&[PATH], &[]).await?;
    let me: MeJson = client.get(&["me"], &[]).await?;
    Ok(found(&all, &me.name, name)?.id.clone())
}

/// The caller's of this name, without case; else the one that another shares.
fn found<'a>(all: &'a [SavedSearchJson], me: &str, name: &str) -> Result<&'a SavedSearchJson, Failure> {
    let key = normalise(name);
    let same: Vec<_> = all.iter().filter(|saved| normalise(&saved.name) == key).collect();
    if let Some(own) = same.iter().find(|saved| saved.owner == me) {
        return Ok(own);
    }
    match same.as_slice() {
        [one] => Ok(one),
        [] => {
            let hint = match near(all, &key).as_slice() {
                [] => "`clawback saved-searches list` shows those that you may open".to_owned(),
                near => format!("did you mean {}?", near.join(", ")),
            };
            Err(Failure::misuse(format!("there is no saved search `{}`", visible_line(name, NAMED))).hint(hint))
        }
        several => {
            let each = several.iter().map(|saved| format!("{} of {}", saved.id, visible_line(&saved.owner, NAMED)));
            let each = each.collect::<Vec<_>>().join(", ");
            Err(Failure::misuse(format!("several people share a search `{}`: {each}", visible_line(name, NAMED)))
                .hint("give the ID of one"))
        }
    }
}

/// Names that this key may mean, the nearest first.
fn near(all: &[SavedSearchJson], key: &str) -> Vec<String> {
    let allowed = (key.chars().count() / 3).clamp(1, 3);
    let distance = |saved: &SavedSearchJson| {
        let name = normalise(&saved.name);
        let distance = strsim::damerau_levenshtein(&name, key);
        let is_part = key.chars().count() > 2 && (name.contains(key) || key.contains(&name));
        (is_part || distance <= allowed).then_some(distance)
    };
    let mut found: Vec<(usize, String)> = all
        .iter()
        .filter_map(|saved| Some((distance(saved)?, format!("`{}`", visible_line(&saved.name, NAMED)))))
        .collect();
    found.sort();
    found.dedup();
    found.into_iter().take(NEAR).map(|(_, name)| name).collect()
}

async fn save(global: &Global, client: &Client, args: SaveSearchArgs) -> Result<(), Failure> {
    let SaveSearchArgs { name, shared, private, replace, conditions } = args;
    let like = match &conditions.like {
        Some(like) => Some(super::examine::root(client, like).await?),
        None => None,
    };
    let conditions = conditions.inputs(like);
    let saved: SavedSearchJson = match if replace { own(client, &name).await? } else { None } {
        Some(known) => {
            let is_shared = shared || known.is_shared && !private;
            let change = ChangedSearchJson { version: known.version, name, is_shared, conditions };
            client.put(&[PATH, &known.id], &change).await?
        }
        None => client.post(&[PATH], &[], &NewSavedSearchJson { name, is_shared: shared, conditions }).await?,
    };
    if global.format == Format::Json {
        return output::json(&saved);
    }
    output::line(&format!("saved {} as {}", visible_line(&saved.name, NAMED), saved.id))
}

/// The caller's own of this name.
async fn own(client: &Client, name: &str) -> Result<Option<SavedSearchJson>, Failure> {
    let all: Vec<SavedSearchJson> = client.get(&[PATH], &[]).await?;
    let me: MeJson = client.get(&["me"], &[]).await?;
    let key = normalise(name);
    Ok(all.into_iter().find(|saved| saved.owner == me.name && normalise(&saved.name) == key))
}

fn show(global: &Global, saved: &SavedSearchJson) -> Result<(), Failure> {
    if global.format == Format::Json {
        return output::json(saved);
    }
    let for_whom = if saved.is_shared { "everybody who may search" } else { "its owner" };
    let mut fields = vec![
        ("name", saved.name.clone()),
        ("id", saved.id.clone()),
        ("owner", saved.owner.clone()),
        ("for", for_whom.to_owned()),
        ("created", saved.created_at.clone()),
        ("changed", saved.changed_at.clone()),
    ];
    fields.extend(saved.conditions.pairs().map(|(name, value)| (name, value.to_owned())));
    output::fields(&fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved(number: u64, name: &str, owner: &str) -> SavedSearchJson {
        SavedSearchJson {
            id: SavedSearchId::from_random(number).into(),
            name: name.to_owned(),
            owner: owner.to_owned(),
            is_shared: true,
            conditions: [("from", "a@x")].into(),
            created_at: String::new(),
            changed_at: String::new(),
            version: 1,
        }
    }

    #[test]
    fn a_name_means_ones_own_first_and_near_names_are_told() {
        let all = [
            saved(1, "Payroll", "ann"),
            saved(2, "payroll", "ben"),
            saved(3, "Invoices", "ben"),
            saved(4, "Invoices", "cara"),
        ];
        let owner =
            |name: &str| found(&all, "ann", name).map(|saved| saved.owner.clone()).map_err(|error| error.render());
        assert_eq!(owner("PAYROLL").as_deref(), Ok("ann"));
        let several = owner("invoices").unwrap_err();
        assert!(
            several.contains("several people share a search `invoices`: S-") && several.contains("of cara"),
            "{several}"
        );
        let wrong = owner("Payrol").unwrap_err();
        assert!(
            wrong.contains("there is no saved search `Payrol`") && wrong.contains("did you mean `Payroll`, `payroll`?"),
            "{wrong}"
        );
        assert!(owner("invoice").unwrap_err().contains("did you mean `Invoices`?"));
        assert!(owner("something else").unwrap_err().contains("clawback saved-searches list"));
    }

    #[test]
    fn a_condition_is_not_given_twice() {
        let mut inputs: Inputs = [("since", "7d")].into();
        add(&saved(1, "Payroll", "ann"), &mut inputs).unwrap();
        assert_eq!(inputs, [("since", "7d"), ("from", "a@x")].into());
        let refused = add(&saved(1, "Payroll", "ann"), &mut inputs).unwrap_err().render();
        assert!(refused.contains("the saved search `Payroll` has the condition `from` already"), "{refused}");
    }
}
