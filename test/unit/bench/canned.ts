import type { Figure, Measure, Results } from "../../../bench/results.ts";

function figure(measure: Measure, roundTrip: number, program: string, median: number): Figure {
  const spread = { lower: median * 0.9, upper: median * 1.1 };
  return { measure, roundTrip, program, median, ...spread, count: 5, failures: 0 };
}

/** What a run could have found: every goal is met but those of the download, one of which was not measured. */
export const canned: Results = {
  surroundings: {
    date: "2024-01-01",
    commit: "0123456789",
    kernel: "Linux 6.1.0",
    processor: "Imaginary",
    cores: 2,
    memory: 8,
    versions: { ssh: "OpenSSH_9.2p1", Node: "20.20.2" },
  },
  quick: false,
  took: 431.6,
  roundTrips: [
    { wanted: 0, measured: 0.1 },
    { wanted: 100, measured: 100.4 },
  ],
  figures: [
    figure("refusal", 0, "preauth", 6),
    figure("refusal", 0, "Perl script", 12),
    figure("refusal", 0, "empty program", 3),
    figure("refusal", 0, "program that reads the table", 4),
    figure("cold", 0, "preauth", 50),
    figure("cold", 100, "preauth", 380),
    ...[0, 100].flatMap((roundTrip) => [
      figure("recent", roundTrip, "preauth", 50),
      figure("recent", roundTrip, "ssh 10", 130),
      figure("recent", roundTrip, "ssh2 alone", 39),
      figure("shared", roundTrip, "preauth, shared", 24),
      figure("shared", roundTrip, "preauth, spare", 2),
      figure("shared", roundTrip, "ssh, ControlMaster", 22),
      figure("shared", roundTrip, "ssh2 alone, shared", 11),
    ]),
    figure("download", 0, "preauth", 400),
    figure("download", 0, "ssh", 500),
  ],
  idle: [
    { program: "preauth, shared", seconds: 60, processor: 0.05, wakes: 24 },
    { program: "empty program with a connection", seconds: 60, processor: 0.02, wakes: 60 },
  ],
  memory: [
    {
      program: "preauth, shared",
      client: { resident: 42, proportional: 18, own: 7 },
      master: { resident: 61, proportional: 31, own: 14 },
    },
    { program: "ssh", client: { resident: 8, proportional: 2, own: 1 } },
  ],
  troubles: [{ program: "plink", reason: "plink is missing | `node test/setup.mjs`" }],
};
