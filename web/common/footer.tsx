import { useEffect, useState } from 'preact/hooks';

interface Build {
  readonly hash: string;
}

/** Which build this page is: to be compared with what `impuls web verify` says. */
export function BuildFooter() {
  const [build, setBuild] = useState<Build>();
  useEffect(() => {
    fetch('build.json')
      .then(async (response) => setBuild((await response.json()) as Build))
      .catch(() => undefined);
  }, []);
  return (
    <footer class="build">
      <p>
        Runs in this browser only: no account, no third party.{' '}
        {build && (
          <>
            Build <code title={build.hash}>{build.hash.slice(0, 16)}</code>
          </>
        )}
      </p>
    </footer>
  );
}
