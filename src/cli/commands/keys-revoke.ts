import { ImpulsError } from '../../core/errors.js';
import { issuingKeys } from '../../core/key-life.js';
import { revokeKey } from '../../node/vendor/revocation.js';
import { formatDay } from '../amounts.js';
import { defineCommand, readDay } from '../command.js';
import { reloadServer, serverWords } from '../serving/reloading.js';

export const keysRevoke = defineCommand({
  name: 'keys revoke',
  summary: 'End an issuing key that was stolen or lost',
  usage: '<id> [folder] --reason leaked|lost [options]',
  options: {
    reason: {
      type: 'string',
      value: 'leaked|lost',
      help: 'leaked: others can sign with it. lost: nobody can',
    },
    'activate-until': {
      type: 'string',
      value: '<day>',
      help: 'With leaked: cards of it are activated before that day (UTC); default: no longer',
    },
  },
  words: [1, 2],
  notes:
    'Nothing is issued under the key from now on. Cards that are activated stay good until they expire. Of a leaked\nkey no card is activated for the first time any more: a forged one cannot be told from one that was sold. It\ncannot be taken back. What else to do stands in SECURITY.md. Works beside a running `vendor serve`.',
  examples: ['impuls keys revoke Vx3k shop --reason leaked --activate-until 2027-01-01'],
  async run({ terminal, values, positionals }) {
    const [id = '', path = '.'] = positionals;
    const { reason } = values;
    if (reason !== 'leaked' && reason !== 'lost') {
      throw new ImpulsError('invalid-argument', 'it is not said why the key ends', {
        hint: 'Add --reason leaked if somebody else may have it, or --reason lost if you have it no more.',
      });
    }
    const until = values['activate-until'];
    if (until !== undefined && reason === 'lost') {
      throw new ImpulsError('invalid-argument', '--activate-until is for --reason leaked', {
        hint: 'Cards of a lost key are activated as before: nobody can forge one.',
      });
    }
    const { key, revocation } = await revokeKey(path, {
      id,
      reason,
      ...(until !== undefined && { activateUntil: readDay(until, '--activate-until') }),
    });
    const { server, folder } = await reloadServer(terminal, path);
    const isIssued = issuingKeys(folder.document, Math.floor(Date.now() / 1000)).some(
      ({ denomination }) => denomination === key.denomination,
    );
    if (terminal.json) {
      terminal.printJson({ vendor: folder.document.origin, ...revocation, server, issued: isIssued });
      return;
    }
    const { paint } = terminal;
    const { activateUntil } = revocation;
    terminal.print(
      [
        `${paint.green('✓')} ${key.id} issues no more cards of ${key.denomination}. ${serverWords[server]}`,
        ...(activateUntil === undefined
          ? []
          : [
              `  Its cards are activated until ${formatDay(activateUntil)}, and spent until ${formatDay(key.expires)}.`,
            ]),
        ...(isIssued
          ? []
          : [
              `  No cards of ${key.denomination} are issued now. Next: impuls keys rotate ${path} --denominations ${key.denomination}`,
            ]),
      ].join('\n'),
    );
  },
});
