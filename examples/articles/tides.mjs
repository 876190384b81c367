/** Tides of a harbour that does not exist: heights in metres, made of three of the waves that real tides are made of. */

const waves = [
  { metres: 1.62, hours: 12.4206, at: 3.1 },
  { metres: 0.48, hours: 12, at: 5.2 },
  { metres: 0.14, hours: 23.9345, at: 9.4 },
];
const mean = 2.6;

/** @param hours since midnight of the first day */
export function heightAt(hours) {
  return waves.reduce(
    (sum, wave) => sum + wave.metres * Math.cos((2 * Math.PI * (hours - wave.at)) / wave.hours),
    mean,
  );
}

/** @returns one height an hour */
export function hourlyHeights(hours) {
  return Array.from({ length: hours }, (_, hour) => ({ hour, height: heightAt(hour).toFixed(2) }));
}

export function formatCsv(heights) {
  return `hour,metres\n${heights.map(({ hour, height }) => `${hour},${height}\n`).join('')}`;
}

/** High and low waters of so many days, to the minute. */
export function turningPoints(days) {
  const minutes = days * 1440;
  const points = [];
  for (let minute = 1; minute < minutes; minute++) {
    const [before, now, after] = [minute - 1, minute, minute + 1].map((at) => heightAt(at / 60));
    if (now >= before && now > after) points.push({ minute, kind: 'high', height: now });
    if (now <= before && now < after) points.push({ minute, kind: 'low', height: now });
  }
  return points;
}
