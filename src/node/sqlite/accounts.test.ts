import { describe, expect, it } from 'vitest';
import { makeCard, makeClaim } from '../../testing/cards.js';
import { Accounts, createAccount, findClaim, type Account, type Entry } from './accounts.js';
import { createEntry } from './log.js';
import { kinds } from './schema.js';

const test = makeCard();
let seq = 0;

/** A card of this name; which one it is makes no difference here. */
function accountOf(id: string): Account {
  return createAccount(1, { entry: { ...test.entry, id }, state: test.state, version: 0 }, false);
}

function entryOf(account: Account): Entry {
  const record = makeClaim(test, 1, 1);
  const claim = { seq: ++seq, record, route: 0, resolvedBy: 0, indexedAs: undefined };
  return createEntry(account, seq, kinds.accept, claim, record, test.state);
}

const there = (accounts: Accounts, ...ids: string[]) =>
  ids.filter((id) => accounts.find(id) !== undefined).join('');

describe('the cards in memory', () => {
  it('are found by their ids, and the least recently used leaves first', () => {
    const accounts = new Accounts(3);
    const all = ['a', 'b', 'c', 'd', 'e'].map(accountOf);
    for (const account of all.slice(0, 3)) accounts.add(account);
    expect(accounts.find('b')).toBe(all[1]);
    expect(accounts.find('a')).toBe(all[0]);
    accounts.add(all[3]!);
    accounts.add(all[4]!);
    expect(there(accounts, 'a', 'b', 'c', 'd', 'e')).toBe('ade');
  });

  it('leave in the order of their last use however often that changes', () => {
    const accounts = new Accounts(4);
    const used: string[] = [];
    for (let round = 0; round < 200; round++) {
      const id = `${(round * 7) % 5}`;
      const isThere = used.includes(id);
      expect(accounts.find(id) !== undefined).toBe(isThere);
      if (isThere) used.splice(used.indexOf(id), 1);
      else accounts.add(accountOf(id));
      used.push(id);
      if (used.length > 4) used.shift();
      // A name that comes once, so that the map is never the same.
      if (round % 3 > 0) continue;
      accounts.add(accountOf(`once ${round}`));
      used.push(`once ${round}`);
      if (used.length > 4) used.shift();
    }
  });

  it('stay while they have entries to fold, even when that is more than there is room for', () => {
    const accounts = new Accounts(2);
    const held = ['a', 'b', 'c'].map(accountOf);
    for (const account of held) {
      accounts.add(account);
      accounts.append(entryOf(account));
    }
    accounts.add(accountOf('idle'));
    expect(there(accounts, 'a', 'b', 'c', 'idle')).toBe('abc');
    for (const account of held) {
      accounts.shift(account);
      accounts.unpin(account);
    }
    expect(there(accounts, 'a', 'b', 'c')).toBe('bc');
  });

  it('are let go of only once all their entries are folded', () => {
    const accounts = new Accounts(1);
    const account = accountOf('a');
    accounts.add(account);
    accounts.append(entryOf(account));
    accounts.append(entryOf(account));
    accounts.shift(account);
    accounts.unpin(account);
    accounts.add(accountOf('b'));
    expect(there(accounts, 'a')).toBe('a');
    accounts.shift(account);
    accounts.unpin(account);
    accounts.add(accountOf('b'));
    expect(there(accounts, 'a', 'b')).toBe('b');
  });

  it('that were read anew after a failure are not let go of in the name of those before', () => {
    const accounts = new Accounts(1);
    const [before, after] = [accountOf('a'), accountOf('a')];
    accounts.pin(before);
    accounts.dropPinned();
    expect(there(accounts, 'a')).toBe('');
    accounts.pin(after);
    accounts.unpin(before);
    accounts.add(accountOf('b'));
    expect(accounts.find('a')).toBe(after);
  });
});

describe('the entries of the cards in memory', () => {
  it('are taken off card by card, while the oldest of all is known', () => {
    const accounts = new Accounts(10);
    const [a, b] = [accountOf('a'), accountOf('b')];
    const entries = [a, b, a, b].map(entryOf);
    for (const entry of entries) accounts.append(entry);
    expect([accounts.unfolded, a.unfolded, b.unfolded]).toEqual([4, 2, 2]);
    expect(accounts.oldest).toBe(entries[0]);
    expect([accounts.shift(a), accounts.shift(a), accounts.shift(a)]).toEqual([
      entries[0],
      entries[2],
      undefined,
    ]);
    expect([accounts.unfolded, a.unfolded, b.unfolded]).toEqual([2, 0, 2]);
    expect(accounts.oldest).toBe(entries[1]);
    accounts.shift(b);
    expect(accounts.oldest).toBe(entries[3]);
    accounts.shift(b);
    expect([accounts.oldest, accounts.unfolded]).toEqual([undefined, 0]);
    const next = entryOf(a);
    accounts.append(next);
    expect([accounts.oldest, a.first, a.last]).toEqual([next, next, next]);
  });

  it('are all forgotten with the cards that hold them', () => {
    const accounts = new Accounts(10);
    accounts.append(entryOf(accountOf('a')));
    accounts.dropPinned();
    expect([accounts.oldest, accounts.unfolded]).toEqual([undefined, 0]);
    const next = entryOf(accountOf('a'));
    accounts.append(next);
    expect([accounts.oldest, accounts.unfolded]).toEqual([next, 1]);
  });

  it('tell of the claims of their card', () => {
    const accounts = new Accounts(10);
    const account = accountOf('a');
    expect(findClaim(account, () => true)).toBeUndefined();
    const entries = [entryOf(account), entryOf(account)];
    for (const entry of entries) accounts.append(entry);
    expect(findClaim(account, () => true)).toBe(entries[0]!.claim);
    expect(findClaim(account, ({ seq }) => seq === entries[1]!.seq)).toBe(entries[1]!.claim);
    expect(findClaim(account, () => false)).toBeUndefined();
  });
});
