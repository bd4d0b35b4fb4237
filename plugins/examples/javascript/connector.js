// A connector in JavaScript. Its store is a directory: MAILBOX/FOLDER/NAME.eml. The folders `inbox`, `junk` and
// `quarantine` are what their names say. A message keeps its file name when it moves.
import { list, readHeads, read, stat, rename, createDir, isWritable } from 'clawback:mail-store/folder@0.2.0';
import { fingerprint, message, parse } from './header.js';

const HEAD = 65536;
const A_PAGE = 200;
const A_READ = 1 << 20;
const KINDS = new Map([['inbox', 'inbox'], ['junk', 'junk'], ['quarantine', 'quarantine']]);
const DESTINATIONS = new Map([['move-to-junk', 'junk'], ['move-to-quarantine', 'quarantine']]);
const ACTIONS = [...DESTINATIONS.keys(), 'restore'];

const location = (folder) => ({ kind: KINDS.get(folder) ?? 'folder', path: folder });
const isName = (name) => !name.startsWith('.') && /^[^/\0]{1,200}$/.test(name);
const isMail = (name) => isName(name) && name.endsWith('.eml');
const byName = (one, other) => (one < other ? -1 : 1);

// Calls the host. What it refuses is thrown as an error of the contract, except that something is missing.
function missingOr(call) {
  try {
    return call();
  } catch (error) {
    const { tag, val } = error.payload ?? error;
    if (tag === 'not-found') return undefined;
    throw { tag: tag === 'denied' ? 'denied' : 'transient', val: val ?? `the host refused: ${tag}` };
  }
}

// Returns what a mailbox's directory has.
function open(mailbox) {
  if (!isName(mailbox)) throw { tag: 'permanent', val: 'the name of a mailbox is that of a directory' };
  const entries = missingOr(() => list(mailbox));
  if (!entries) throw { tag: 'not-found', val: 'no such directory' };
  const folders = entries.filter((entry) => entry.kind === 'dir' && isName(entry.name)).map((entry) => entry.name);
  const links = entries.filter((entry) => entry.kind === 'other');
  return { folders: folders.sort(byName), gaps: links.map(({ name }) => ({ folder: name, item: '', reason: 'a link' })) };
}

// Returns the folders in which a message is.
function places(mailbox, folders, ref) {
  if (!isMail(ref.locator)) return [];
  return folders.filter((folder) => {
    const path = `${mailbox}/${folder}/${ref.locator}`;
    const head = missingOr(() => read(path, 0, HEAD));
    const fields = head && parse(head);
    return fields !== undefined && fingerprint(fields) === ref.fingerprint;
  });
}

function move(mailbox, folders, ref, from, to) {
  const found = places(mailbox, folders, ref);
  if (!found.includes(from) || from === to) {
    if (found.includes(to)) return { tag: 'already-in-destination' };
    return found.length ? { tag: 'moved-since', val: location(found[0]) } : { tag: 'not-found' };
  }
  if (!isName(to)) return { tag: 'failed', val: 'the former folder has no valid name' };
  const path = (folder) => `${mailbox}/${folder}/${ref.locator}`;
  try {
    if (!missingOr(() => stat(`${mailbox}/${to}`))) createDir(`${mailbox}/${to}`);
    rename(path(from), path(to));
  } catch (error) {
    const { tag, val } = error.payload ?? error;
    return { tag: 'failed', val: val ?? tag };
  }
  const now = places(mailbox, [from, to], ref);
  if (now.length !== 1 || now[0] !== to) return { tag: 'failed', val: 'the message is not where it was moved to' };
  return { tag: 'succeeded', val: { former: { location: location(from), flags: [] }, now: ref, location: location(to) } };
}

export const connector = {
  describe() {
    const searchFields = ['received-after', 'received-before', 'locations', 'folders'];
    return { name: 'eml', version: '0.1.0', actions: ACTIONS, searchFields, largestBatch: 100, callsPerMailbox: 1, extra: [] };
  },

  mailboxes(cursor, most) {
    const entries = missingOr(() => list('')) ?? [];
    const names = entries.filter(({ kind, name }) => kind === 'dir' && isName(name)).map(({ name }) => name);
    const left = names.filter((name) => cursor == null || name > cursor).sort(byName);
    const page = left.slice(0, Math.max(most, 1));
    return { mailboxes: page, next: left.length > page.length ? page.at(-1) : undefined, gaps: [] };
  },

  search(mailbox, query, cursor, most) {
    const { folders, gaps } = open(mailbox);
    const isWanted = (folder) => query.folders.includes(folder) || (query.locations.length
      ? query.locations.includes(location(folder).kind) : folder !== 'quarantine');
    const isInTime = ({ modified }) => (query.receivedAfter == null || modified >= query.receivedAfter)
      && (query.receivedBefore == null || modified < query.receivedBefore);
    const files = folders.filter(isWanted).flatMap((folder) => (missingOr(() => list(`${mailbox}/${folder}`)) ?? [])
      .filter((entry) => isMail(entry.name) && isInTime(entry)).map((entry) => ({ ...entry, folder, path: `${folder}/${entry.name}` })));
    const left = files.filter(({ path }) => cursor == null || path > cursor).sort((one, other) => byName(one.path, other.path));
    const page = left.slice(0, Math.min(Math.max(most, 1), A_PAGE));
    const heads = missingOr(() => readHeads(page.map(({ path }) => `${mailbox}/${path}`), HEAD));
    const answer = { messages: [], next: left.length > page.length ? page.at(-1).path : undefined, gaps: cursor == null ? gaps : [] };
    page.forEach(({ folder, name, size, modified }, at) => {
      const fields = heads[at].tag === 'ok' ? parse(heads[at].val) : undefined;
      if (!fields) {
        answer.gaps.push({ folder, item: name, reason: 'the header cannot be read' });
        return;
      }
      const { messageId, ...shown } = message(fields, query.wantHeaders);
      const ref = { locator: name, messageId, fingerprint: fingerprint(fields) };
      answer.messages.push({ ref, location: location(folder), receivedAt: modified, size, flags: [], attachments: [], extra: [], ...shown });
    });
    return answer;
  },

  locate(mailbox, refs) {
    const { folders } = open(mailbox);
    return refs.map((ref) => ({
      locator: ref.locator,
      sightings: places(mailbox, folders, ref).map((folder) => ({ ref, location: location(folder), flags: [] })),
    }));
  },

  apply(mailbox, action, targets) {
    return targets.map((target) => {
      const to = DESTINATIONS.get(action) ?? target.former?.location.path ?? '';
      const effect = move(mailbox, open(mailbox).folders, target.ref, target.location.path, to);
      return { locator: target.ref.locator, effect };
    });
  },

  fetchRaw(mailbox, ref, most) {
    const folder = places(mailbox, open(mailbox).folders, ref)[0];
    if (folder === undefined) throw { tag: 'not-found', val: 'the message is not in the mailbox' };
    const bytes = [];
    for (let offset = 0; offset < most;) {
      const part = missingOr(() => read(`${mailbox}/${folder}/${ref.locator}`, offset, Math.min(most - offset, A_READ)));
      if (!part?.length) break;
      bytes.push(part);
      offset += part.length;
    }
    const whole = new Uint8Array(bytes.reduce((sum, part) => sum + part.length, 0));
    bytes.reduce((at, part) => (whole.set(part, at), at + part.length), 0);
    return whole;
  },

  check(mailbox) {
    const { folders } = open(mailbox);
    const obstacle = missingOr(() => isWritable(mailbox)) ? undefined : 'the files of the mailbox may not be changed';
    const creates = (folder) => (folder && !folders.includes(folder) ? folder : undefined);
    return ACTIONS.map((action) => ({ action, obstacle, creates: creates(DESTINATIONS.get(action)), visible: undefined }));
  },
};
