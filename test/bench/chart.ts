import { FLOOR, OURS } from './servers.ts';
import type { describeCosts } from './report.ts';

const WIDTH = 760;
const LEFT = 240;
const ROW = 44;
const TOP = 64;

/** A bar per server, least first, with a whisker from the lowest to the highest round. Follows the reader's colour scheme (light or dark). */
export function drawChart(costs: ReturnType<typeof describeCosts>): string {
  const height = TOP + costs.length * ROW + 16;
  const scale = (WIDTH - LEFT - 70) / Math.max(...costs.map(({ payment }) => payment.max));
  const bars = costs.map(({ name, payment, refusal }, index) => {
    const y = TOP + index * ROW;
    const x = (value: number) => (LEFT + value * scale).toFixed(1);
    const kind = { [OURS.name]: 'ours', [FLOOR.name]: 'floor' }[name] ?? 'peer';
    return `
  <text class="${kind === 'ours' ? 'name own' : 'name'}" x="${LEFT - 12}" y="${y + 19}">${name}</text>
  <rect class="${kind}" x="${LEFT}" y="${y}" width="${(payment.median * scale).toFixed(1)}" height="18" rx="4"/>
  <path class="whisker" d="M${x(payment.min)} ${y + 9}H${x(payment.max)}"/>
  <text class="value" x="${Number(x(payment.max)) + 8}" y="${y + 14}">${payment.median.toFixed(0)}</text>
  <rect class="${kind} refused" x="${LEFT}" y="${y + 21}" width="${(refusal.median * scale).toFixed(1)}" height="9" rx="3"/>
  <text class="value small" x="${Number(x(refusal.median)) + 8}" y="${y + 29}">${refusal.median.toFixed(0)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="CPU microseconds per request">
  <style>
    text { font: 13px system-ui, sans-serif; fill: #1f2328 }
    .title { font-weight: 600; font-size: 15px }
    .note, .small { font-size: 11px; fill: #59636e }
    .name { text-anchor: end }
    .own { font-weight: 600 }
    .value { font-variant-numeric: tabular-nums }
    .ours { fill: #0f8a5f } .floor { fill: #8c959f } .peer { fill: #6ea8dc }
    .refused { opacity: .55 }
    .whisker { stroke: #1f2328; stroke-opacity: .45; stroke-width: 1.5 }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 } .note, .small { fill: #9198a1 }
      .ours { fill: #3fb984 } .floor { fill: #6e7681 } .peer { fill: #3f78ad }
      .whisker { stroke: #e6edf3 }
    }
  </style>
  <text class="title" x="16" y="26">CPU per request, microseconds (less is better)</text>
  <text class="note" x="16" y="45">Upper bar: a payment, with its call to Stripe; the line goes from the lowest round to the highest. Lower bar: a refused request.</text>${bars.join('')}
</svg>
`;
}
