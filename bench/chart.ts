import * as echarts from "echarts";
import { figureOf, type Measure, type Results } from "./results.ts";

/** One panel of the chart: a group of bars for each round-trip time. */
interface Panel {
  readonly title: string;
  readonly measure: Measure;
  readonly programs: readonly string[];
}

const PANELS: readonly Panel[] = [
  {
    title: "Cold call: ms to the greeting",
    measure: "cold",
    programs: ["preauth", "preauth.js", "ssh", "dbclient", "plink"],
  },
  {
    title: "Cold call to OpenSSH 10: ms to the greeting",
    measure: "recent",
    programs: ["preauth", "ssh 10"],
  },
  {
    title: "Connection there: ms to the greeting",
    measure: "shared",
    programs: ["preauth, spare", "preauth, shared", "ssh, ControlMaster", "plink -share"],
  },
  {
    title: "Download: MB/s",
    measure: "download",
    programs: ["preauth", "preauth, shared", "preauth.js", "ssh", "dbclient", "plink"],
  },
];

/** One colour for a program in all panels: greens for ours. */
const COLOURS: Readonly<Record<string, string>> = {
  preauth: "#1b7837",
  "preauth, shared": "#5aae61",
  "preauth, spare": "#a6dba0",
  "preauth.js": "#b8b457",
  ssh: "#4575b4",
  "ssh 10": "#313695",
  "ssh, ControlMaster": "#91bfdb",
  dbclient: "#d8813a",
  plink: "#9970ab",
  "plink -share": "#c2a5cf",
};

const WIDTH = 900;
const [TOP, STEP, PLOT] = [50, 260, 190];
const HEIGHT = STEP * PANELS.length + 60;

/** The chart as SVG: medians as bars with their values above, quartiles as lines. */
export function chart(results: Results): string {
  const view = echarts.init(null, null, { renderer: "svg", ssr: true, width: WIDTH, height: HEIGHT });
  try {
    view.setOption(option(results));
    return `${view.renderToSVGString()}\n`;
  } finally {
    view.dispose();
  }
}

function option(results: Results): echarts.EChartsCoreOption {
  const roundTrips = results.roundTrips.map(({ wanted }) => `${wanted} ms`);
  return {
    animation: false,
    backgroundColor: "#ffffff",
    textStyle: { fontFamily: "sans-serif" },
    legend: { bottom: 10, data: Object.keys(COLOURS) },
    title: PANELS.map(({ title }, index) => ({
      text: title,
      left: 50,
      top: TOP - 40 + STEP * index,
      textStyle: { fontSize: 15 },
    })),
    grid: PANELS.map((_, index) => ({ left: 50, right: 20, top: TOP + STEP * index, height: PLOT })),
    xAxis: PANELS.map((_, gridIndex) => ({ type: "category", gridIndex, data: roundTrips })),
    yAxis: PANELS.map((_, gridIndex) => ({ type: "value", gridIndex })),
    series: PANELS.flatMap((panel, index) => panelSeries(results, panel, index)),
  };
}

function panelSeries(results: Results, { measure, programs }: Panel, index: number): object[] {
  const axes = { xAxisIndex: index, yAxisIndex: index };
  const present = programs.filter((name) => results.figures.some((found) => isOf(found, measure, name)));
  return present.flatMap((name, place) => {
    const figures = results.roundTrips.map(({ wanted }) => figureOf(results, measure, wanted, name));
    const color = COLOURS[name];
    const bars = {
      ...{ type: "bar", name, ...axes, itemStyle: { color }, barGap: 0, barCategoryGap: "20%", silent: true },
      data: figures.map((found) => found?.median ?? "-"),
    };
    const spread = {
      ...{ type: "custom", name, ...axes, itemStyle: { color }, silent: true, z: 3 },
      renderItem: (_: unknown, api: echarts.CustomSeriesRenderItemAPI) => whisker(api, place, present.length),
      data: figures.flatMap((found, column) =>
        found === undefined ? [] : [[column, found.lower, found.upper, found.median]],
      ),
    };
    return [bars, spread];
  });
}

function isOf(found: Results["figures"][number], measure: Measure, program: string): boolean {
  return found.measure === measure && found.program === program;
}

/** A line from the lower to the upper quartile in the middle of a bar, and the median above it. */
function whisker(api: echarts.CustomSeriesRenderItemAPI, place: number, count: number): object {
  const layout = api.barLayout({ barGap: "0%", barCategoryGap: "20%", count });
  const offset = layout?.[place]?.offsetCenter ?? 0;
  const [middle = 0, low = 0] = api.coord([api.value(0), api.value(1)]);
  const [, high = 0] = api.coord([api.value(0), api.value(2)]);
  const x = middle + offset;
  const text = Number(Number(api.value(3)).toPrecision(3)).toString();
  const line = { type: "line", shape: { x1: x, x2: x, y1: low, y2: high } };
  return {
    type: "group",
    children: [
      { ...line, style: { stroke: "#333333", lineWidth: 1.5 } },
      {
        type: "text",
        x,
        y: high - 3,
        style: { text, fontSize: 9, align: "center", verticalAlign: "bottom" },
      },
    ],
  };
}
