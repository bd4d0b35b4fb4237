//! The rules of acts, and of going back.

use clawback_model::{Action, Effect, LocationKind, Message, Receipt, RestorePoint};

use super::reading::{nowhere, seeded, sightings};
use super::rule::{Kept, ensure};
use super::seed::Seed;
use crate::mail_store::{ActionTarget, MailStore};

/// Returns the actions of a store that move messages out of the inbox and can be undone.
pub(super) fn reversible(store: &dyn MailStore) -> Vec<Action> {
    let moves = |action: &Action| action.is_reversible() && !matches!(action, Action::Restore | Action::MoveToInbox);
    store.capabilities().actions.iter().copied().filter(moves).collect()
}

/// Returns whether the store has the two moves that the rule needs.
pub(super) fn can_move_aside(store: &dyn MailStore) -> bool {
    let actions = &store.capabilities().actions;
    [Action::MoveToJunk, Action::MoveToDeletedItems, Action::Restore].iter().all(|action| actions.contains(action))
}

pub(super) fn can_delete(store: &dyn MailStore) -> bool {
    store.capabilities().actions.contains(&Action::HardDelete)
}

fn target(message: &Message) -> ActionTarget {
    ActionTarget { reference: message.reference.clone(), location: message.location.clone(), former: None }
}

async fn apply(
    store: &dyn MailStore,
    seed: &Seed,
    action: Action,
    targets: &[ActionTarget],
) -> Result<Vec<Effect>, String> {
    let effects = store.apply(seed.mailbox(), action, targets).await.map_err(|error| error.to_string())?;
    ensure!(effects.len() == targets.len(), "{} effects of {} targets", effects.len(), targets.len());
    Ok(effects)
}

fn receipt(effect: &Effect) -> Result<&Receipt, String> {
    match effect {
        Effect::Succeeded(receipt) => Ok(receipt),
        other => Err(format!("not a success: {other:?}")),
    }
}

/// Returns the target that undoes an act.
fn back(receipt: &Receipt) -> Result<ActionTarget, String> {
    let (Some(reference), Some(location)) = (receipt.now.clone(), receipt.location.clone()) else {
        return Err("a message that was moved has no reference or no place in its receipt".into());
    };
    Ok(ActionTarget { reference, location, former: Some(receipt.former.clone()) })
}

pub(super) async fn there_and_back(store: &dyn MailStore, seed: &Seed, action: Action) -> Kept {
    let before = seeded(store, seed).await?;
    ensure!(before.len() == seed.messages(), "{} of {} seeded messages are found", before.len(), seed.messages());
    let mut targets: Vec<_> = before.iter().map(target).collect();
    targets.insert(1, ActionTarget { reference: nowhere(), location: before[0].location.clone(), former: None });
    let effects = apply(store, seed, action, &targets).await?;
    ensure!(effects[1] == Effect::NotFound, "a message that does not exist is {:?}, not `not-found`", effects[1]);
    let mut returns = Vec::new();
    for (effect, target) in effects.iter().zip(&targets).filter(|(effect, _)| **effect != Effect::NotFound) {
        let receipt = receipt(effect)?;
        ensure!(receipt.former.location == target.location, "the receipt does not name the former place");
        let back = back(receipt)?;
        let place = &back.location;
        ensure!(Some(place.kind) == action.destination(), "the message is in {place:?}");
        ensure!(
            back.reference.fingerprint == target.reference.fingerprint,
            "the move changed the fingerprint of a message"
        );
        let copies = sightings(store, seed, &target.reference).await?;
        ensure!(copies.len() == 1, "{} copies of a message are seen after the move", copies.len());
        ensure!(copies[0].1 == *place, "it is in {:?}, and the receipt says {place:?}", copies[0].1);
        returns.push(back);
    }
    ensure!(returns.len() == before.len(), "{} of {} messages were moved", returns.len(), before.len());
    // The same act on the old references: nothing is done, and the effects say so.
    for effect in apply(store, seed, action, &targets).await? {
        let is_nothing = matches!(effect, Effect::AlreadyInDestination | Effect::NotFound | Effect::MovedSince(_));
        ensure!(is_nothing, "the same act again: {effect:?}");
    }
    let restored = apply(store, seed, Action::Restore, &returns).await?;
    for (effect, target) in restored.iter().zip(&returns) {
        let home = target.former.as_ref().map(|former: &RestorePoint| former.location.clone());
        ensure!(receipt(effect)?.location == home, "the restore brought a message to another place");
    }
    let after = seeded(store, seed).await?;
    ensure!(shape(&after) == shape(&before), "places or flags after the restore are not those before");
    Ok(())
}

/// What a restore has to bring back.
fn shape(messages: &[Message]) -> Vec<(String, clawback_model::Location, Vec<String>)> {
    let sorted = |message: &Message| {
        let mut flags = message.flags.clone();
        flags.sort();
        (message.subject.clone(), message.location.clone(), flags)
    };
    messages.iter().map(sorted).collect()
}

pub(super) async fn moved_since(store: &dyn MailStore, seed: &Seed) -> Kept {
    let before = seeded(store, seed).await?;
    let Some(first) = before.first() else { return Err("no seeded message is found".into()) };
    let stale = [target(first)];
    let moved = apply(store, seed, Action::MoveToJunk, &stale).await?;
    let back = back(receipt(&moved[0])?)?;
    let effects = apply(store, seed, Action::MoveToDeletedItems, &stale).await?;
    let is_left = matches!(&effects[0], Effect::MovedSince(place) if place.kind == LocationKind::Junk);
    apply(store, seed, Action::Restore, &[back]).await?;
    ensure!(is_left, "the act on it is {:?}, not `moved-since`", effects[0]);
    ensure!(seeded(store, seed).await?.len() == before.len(), "the restore did not bring it back");
    Ok(())
}

pub(super) async fn hard_delete(store: &dyn MailStore, seed: &Seed) -> Kept {
    let before = seeded(store, seed).await?;
    let Some(last) = before.last() else { return Err("no seeded message is found".into()) };
    let last = [target(last)];
    let effects = apply(store, seed, Action::HardDelete, &last).await?;
    ensure!(receipt(&effects[0])?.now.is_none(), "a message that was deleted has a reference");
    let copies = sightings(store, seed, &last[0].reference).await?;
    ensure!(copies.is_empty(), "it is still seen: {copies:?}");
    let again = apply(store, seed, Action::HardDelete, &last).await?;
    ensure!(again == [Effect::NotFound], "a second delete is {again:?}, not `not-found`");
    let after = seeded(store, seed).await?.len();
    ensure!(after + 1 == before.len(), "{} messages are left of {}", after, before.len());
    Ok(())
}
