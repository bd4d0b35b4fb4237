//! The rules of acts, and of going back.

use clawback_model::{Action, Effect, Location, LocationKind, Message, Receipt};

use super::reading::{census, nowhere, seeded, sightings};
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
        Effect::Failed(why) => Err(format!("not a success, but `failed`: {why}")),
        other => Err(format!("not a success, but `{}`", case(other))),
    }
}

/// Returns the target that undoes an act.
fn back(receipt: &Receipt) -> Result<ActionTarget, String> {
    let (Some(reference), Some(location)) = (receipt.now.clone(), receipt.location.clone()) else {
        return Err("a message that was moved has no reference or no place in its receipt".into());
    };
    Ok(ActionTarget { reference, location, former: Some(receipt.former.clone()) })
}

/// Returns the case of an effect: what it holds comes from mail.
fn case(effect: &Effect) -> &'static str {
    match effect {
        Effect::Succeeded(_) => "succeeded",
        Effect::AlreadyInDestination => "already-in-destination",
        Effect::NotFound => "not-found",
        Effect::MovedSince(_) => "moved-since",
        Effect::Failed(_) => "failed",
    }
}

/// Restores what these effects moved, whatever the rule says about them. Returns how many messages are not back.
async fn undo(store: &dyn MailStore, seed: &Seed, effects: &[Effect]) -> Result<usize, String> {
    let moved: Vec<_> = effects.iter().filter_map(|effect| back(receipt(effect).ok()?).ok()).collect();
    if moved.is_empty() {
        return Ok(0);
    }
    let restored = apply(store, seed, Action::Restore, &moved).await?;
    Ok(restored.iter().filter(|effect| receipt(effect).is_err()).count())
}

pub(super) async fn there_and_back(store: &dyn MailStore, seed: &Seed, action: Action) -> Kept {
    let before = seeded(store, seed).await?;
    ensure!(before.len() == seed.messages(), "{} of {} seeded messages are found", before.len(), seed.messages());
    let others = census(store, seed).await?;
    let mut targets: Vec<_> = before.iter().map(target).collect();
    targets.insert(1, ActionTarget { reference: nowhere(), location: before[0].location.clone(), former: None });
    let effects = apply(store, seed, action, &targets).await?;
    let kept = there(store, seed, action, (&targets, &effects)).await;
    let lost = undo(store, seed, &effects).await?;
    kept?;
    ensure!(lost == 0, "{lost} messages could not be restored");
    let after = seeded(store, seed).await?;
    ensure!(shape(&after) == shape(&before), "places or flags after the restore are not those before");
    ensure!(census(store, seed).await? == others, "messages that were no target have moved");
    Ok(())
}

/// Checks what an act did, and that the same act again does nothing.
async fn there(
    store: &dyn MailStore,
    seed: &Seed,
    action: Action,
    (targets, effects): (&[ActionTarget], &[Effect]),
) -> Kept {
    ensure!(effects[1] == Effect::NotFound, "a message that does not exist is `{}`", case(&effects[1]));
    for (number, (effect, target)) in effects.iter().zip(targets).enumerate().filter(|(number, _)| *number != 1) {
        let receipt = receipt(effect)?;
        ensure!(receipt.former.location == target.location, "receipt {number} does not name the former place");
        let back = back(receipt)?;
        let place = &back.location;
        ensure!(Some(place.kind) == action.destination(), "the message is in a place of kind {:?}", place.kind);
        ensure!(
            back.reference.fingerprint == target.reference.fingerprint,
            "the move changed the fingerprint of a message"
        );
        let copies = sightings(store, seed, &target.reference).await?;
        ensure!(copies.len() == 1, "{} copies of a message are seen after the move", copies.len());
        ensure!(copies[0].1 == *place, "a message is not where its receipt says");
    }
    // The same act on the old references: nothing is done, and the effects say so.
    for effect in apply(store, seed, action, targets).await? {
        let is_nothing = matches!(effect, Effect::AlreadyInDestination | Effect::NotFound | Effect::MovedSince(_));
        ensure!(is_nothing, "the same act again: `{}`", case(&effect));
    }
    Ok(())
}

/// What a restore has to bring back.
fn shape(messages: &[Message]) -> Vec<(String, Location, Vec<String>)> {
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
    let again = apply(store, seed, Action::MoveToDeletedItems, &stale).await;
    // The second act first: if it moved the message against the rule, the first receipt is outdated.
    let lost = match &again {
        Ok(effects) if receipt(&effects[0]).is_ok() => undo(store, seed, effects).await?,
        _ => 0,
    };
    let lost = lost + undo(store, seed, &moved).await?;
    receipt(&moved[0])?;
    let again = again?;
    let is_left = matches!(&again[0], Effect::MovedSince(place) if place.kind == LocationKind::Junk);
    ensure!(is_left, "the act on it is `{}`, not `moved-since`", case(&again[0]));
    ensure!(lost == 0 && shape(&seeded(store, seed).await?) == shape(&before), "the restore did not bring it back");
    Ok(())
}

pub(super) async fn hard_delete(store: &dyn MailStore, seed: &Seed) -> Kept {
    let before = seeded(store, seed).await?;
    let others = census(store, seed).await?;
    let Some(last) = before.last() else { return Err("no seeded message is found".into()) };
    let last = [target(last)];
    let effects = apply(store, seed, Action::HardDelete, &last).await?;
    ensure!(receipt(&effects[0])?.now.is_none(), "a message that was deleted has a reference");
    let copies = sightings(store, seed, &last[0].reference).await?;
    ensure!(copies.is_empty(), "it is still seen {} times", copies.len());
    let again = apply(store, seed, Action::HardDelete, &last).await?;
    ensure!(again == [Effect::NotFound], "a second delete is `{}`, not `not-found`", case(&again[0]));
    let after = seeded(store, seed).await?;
    ensure!(shape(&after) == shape(&before[..before.len() - 1]), "another seeded message is gone, or has moved");
    ensure!(census(store, seed).await? == others, "messages that were no target are gone, or have moved");
    Ok(())
}
