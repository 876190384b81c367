/** What the vendor of the demo sells: known to both processes, so that the demo can say what each request ought to cost. */

export const cardUnits = 200;
export const unit = { code: 'unit', currency: 'USD', value: '0.001' };

export const routes = {
  articles: { path: '/articles/*', units: 3 },
  ticks: { path: '/ticks/*', units: 1 },
} as const;

const articles: Readonly<Record<string, string>> = {
  rain: 'Rain falls at about seven metres a second. A drop the size of a sesame seed takes five minutes to come down.\n',
  salt: 'Salt was once paid as wages. Today a kilo costs less than the bag it is sold in.\n',
  letter: 'Dear reader, this page was for your eyes only. Nobody on the way could open it.\n',
  free: 'Nobody should ever read this one without paying for it.\n',
};

export function articleAt(pathname: string): string | undefined {
  return articles[pathname.slice('/articles/'.length)];
}

/** The first ticks are quick work, the others are slow: when the first are done, the others are being worked on. */
export const quickTicks = 15;

export function tickMilliseconds(pathname: string): number {
  const number = Number(pathname.slice('/ticks/'.length));
  return number < quickTicks ? 20 : 1000;
}
