import {
  node,
  type NodeMessage,
  START_STEPS,
  type Step,
  STOP_STEPS,
} from "../../../protocols/lifecycle/node.ts";
import { effect, everyPair, type Row, rows, timer } from "../rows.ts";

const input = { completeMs: 50 };
const done = (step: Step): NodeMessage => ({ type: "stepDone", step });
const failed = (step: Step): NodeMessage => ({ type: "stepFailed", step });
const drain: NodeMessage = { type: "drain" };
const complete = timer<NodeMessage>(node, "complete", "completing");

const perform = (step: Step) => effect("perform", { step });
const report = (step: Step, problem = "failed") => effect("report", { step, problem });
/** What entering or leaving `completing` adds. */
const entered = (step: Step) => step === "completing" ? ["after 50"] : [];
const left = (step: Step) => step === "completing" ? ["cancel"] : [];

const until = (step: Step) => START_STEPS.slice(0, START_STEPS.indexOf(step as never)).map(done);
const serving = START_STEPS.map(done);
const draining = [...serving, drain];
const untilStop = (step: Step) => [
  ...draining,
  ...STOP_STEPS.slice(0, STOP_STEPS.indexOf(step as never)).map(done),
];

const table: Row<NodeMessage>[] = [
  ...START_STEPS.flatMap((step, at): Row<NodeMessage>[] => {
    const next = START_STEPS[at + 1];
    return [
      {
        description: `${step} done`,
        from: until(step),
        event: done(step),
        state: next ?? "serving",
        effects: next === undefined ? [] : [perform(next)],
      },
      {
        description: `${step} failed: what was started is stopped`,
        from: until(step),
        event: failed(step),
        state: "refusing",
        effects: [report(step), perform("refusing")],
      },
      {
        description: `a drain during ${step}`,
        from: until(step),
        event: drain,
        state: "refusing",
        effects: [perform("refusing")],
      },
      {
        description: `the late answer of ${step}, cut short by a drain`,
        from: [...until(step), drain],
        event: done(step),
        state: "refusing",
        effects: [],
      },
    ];
  }),
  {
    description: "a step that is not the present one is rejected",
    from: [],
    event: done("serving" as Step),
    state: "loadingConfiguration",
    effects: [effect("reject")],
  },
  {
    description: "a drain ends the service",
    from: serving,
    event: drain,
    state: "refusing",
    effects: [perform("refusing")],
  },
  ...STOP_STEPS.flatMap((step, at): Row<NodeMessage>[] => {
    const next = STOP_STEPS[at + 1];
    const follow = next === undefined ? [] : [perform(next), ...entered(next)];
    return [
      {
        description: `${step} done`,
        from: untilStop(step),
        event: done(step),
        state: next ?? "stopped",
        effects: [...left(step), ...follow],
      },
      {
        description: `${step} failed: the stop goes on`,
        from: untilStop(step),
        event: failed(step),
        state: next ?? "stopped",
        effects: [...left(step), report(step), ...follow],
      },
      {
        description: `a second drain during ${step}`,
        from: untilStop(step),
        event: drain,
        state: step,
        effects: [],
      },
      ...[done("connecting"), failed("connecting")].map((event) => ({
        description: `the late ${event.type} of a start step during ${step}`,
        from: untilStop(step),
        event,
        state: step,
        effects: [],
      })),
    ];
  }),
  {
    description: "requests under way are waited for a bounded time",
    from: untilStop("completing"),
    event: complete,
    state: "flushing",
    effects: ["cancel", report("completing", "timeout"), perform("flushing")],
  },
  {
    description: "requests completed too late",
    from: [...untilStop("completing"), complete],
    event: done("completing"),
    state: "flushing",
    effects: [],
  },
  ...[done("releasing"), failed("releasing")].map((event) => ({
    description: `a failed start ends as one (${event.type})`,
    from: [failed("loadingConfiguration"), ...STOP_STEPS.slice(0, -1).map(done)],
    event,
    state: "failedToStart",
    effects: event.type === "stepFailed" ? [report("releasing")] : [],
  })),
];
rows(node, input, table);
everyPair(
  node,
  input,
  {
    ...Object.fromEntries(START_STEPS.map((step) => [step, until(step)])),
    serving,
    ...Object.fromEntries(STOP_STEPS.map((step) => [step, untilStop(step)])),
    stopped: [...draining, ...STOP_STEPS.map(done)],
    failedToStart: [failed("loadingConfiguration"), ...STOP_STEPS.map(done)],
  },
  [done("connecting"), failed("connecting"), done("refusing"), failed("refusing"), drain],
  table,
);
