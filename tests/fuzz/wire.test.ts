import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { printResult, readFuzzSize } from './fuzz-size.ts';
import { step, worldPlan, type Step } from './grammar.ts';
import { judgeAnswer, judgeCalls } from './judge.ts';
import { breakBytes, changeBytes, renderRequest, toBytes, type WireRequest } from './render.ts';
import { openWire, type Wire, type WireAnswer } from './wire.ts';
import { createWorld, type World } from './world.ts';

const { requests, seeds } = readFuzzSize(process.env);
/** So many against one server before the next one begins. */
const stepsInScenario = 100;

/** Sends the steps of a scenario one after another, and holds every answer to the rules. */
class Scenario {
  readonly #world: World;
  readonly #counted: (requests: number) => void;
  #wire: Wire;
  #isFresh = true;

  constructor(world: World, counted: (requests: number) => void) {
    this.#world = world;
    this.#counted = counted;
    this.#wire = openWire(world.port);
  }

  async take(taken: Step): Promise<void> {
    switch (taken.kind) {
      case 'clock':
        this.#world.advance(taken.seconds);
        return;
      case 'call':
        return this.#call(taken);
      case 'pipeline':
        return this.#pipeline(taken);
      case 'broken': {
        const request = await renderRequest(this.#world, taken.request, false);
        return this.#sendApart(request, breakBytes(request, taken.fault));
      }
      case 'changed bytes': {
        const request = await renderRequest(this.#world, taken.request, false);
        return this.#sendApart(request, changeBytes(toBytes(request), taken.bytes));
      }
      case 'abandoned':
        return this.#abandon(taken);
    }
  }

  close(): void {
    this.#wire.destroy();
  }

  async #call({ request: plan }: Extract<Step, { kind: 'call' }>): Promise<void> {
    const request = await renderRequest(this.#world, plan, true);
    const isStreamed = request.headers.some(([, value]) => /jsonl|event-stream/.test(value));
    this.#counted(1);
    const answer = await this.#ask(request);
    if (answer) this.#judge(request, answer, !isStreamed);
    await this.#world.assertUnchanged();
  }

  /** Over the connection that is kept, or a new one where the server closed it. */
  async #ask(request: WireRequest): Promise<WireAnswer | null> {
    const bytes = toBytes(request);
    this.#wire.write(bytes);
    let answer = await this.#wire.read(request.method);
    // The rest of a request that was answered early may have ended the connection meanwhile.
    if (!answer && !this.#isFresh) {
      this.#reopen();
      this.#wire.write(bytes);
      answer = await this.#wire.read(request.method);
    }
    // What is still on its way when the server closes may take the answer with it.
    if (!answer && bytes.length < 16_000) throw new Error('The server closed without an answer.');
    this.#isFresh = false;
    if (!answer || answer.headers.get('connection')?.includes('close') === true) this.#reopen();
    return answer;
  }

  #reopen(): void {
    this.#wire.destroy();
    this.#wire = openWire(this.#world.port);
    this.#isFresh = true;
  }

  async #pipeline({ requests: plans }: Extract<Step, { kind: 'pipeline' }>): Promise<void> {
    const sent: WireRequest[] = [];
    for (const plan of plans) sent.push(await renderRequest(this.#world, plan, false));
    this.#counted(sent.length);
    const wire = openWire(this.#world.port);
    wire.write(Buffer.concat(sent.map(toBytes)));
    for (const request of sent) {
      const answer = await wire.read(request.method);
      if (!answer) break;
      this.#judge(request, answer, false);
    }
    await this.#settle(wire);
    wire.destroy();
    await this.#world.assertUnchanged();
  }

  /** On a connection of its own: nobody knows how many answers there will be. */
  async #sendApart(request: WireRequest, bytes: Buffer): Promise<void> {
    this.#counted(1);
    const wire = openWire(this.#world.port);
    wire.write(bytes);
    await this.#settle(wire);
    for (;;) {
      const answer = await wire.read(request.method);
      if (!answer) break;
      this.#judge(request, answer, false);
    }
    wire.destroy();
    await this.#world.assertUnchanged();
  }

  /** Leaves while the server reads or works. */
  async #abandon({ request: plan, at }: Extract<Step, { kind: 'abandoned' }>): Promise<void> {
    this.#counted(1);
    const request = await renderRequest(this.#world, plan, false);
    const wire = openWire(this.#world.port);
    const bytes = toBytes(request);
    wire.write(bytes.subarray(0, Math.ceil(at * bytes.length)));
    await this.#assertAlive();
    wire.destroy();
    await this.#assertAlive();
    await this.#world.assertUnchanged();
  }

  /** Lets the server read what was written, says that this was all, and sees that it still answers. */
  async #settle(wire: Wire): Promise<void> {
    for (let round = 0; round < 2; round += 1) await this.#assertAlive();
    wire.end();
    await this.#assertAlive();
  }

  async #assertAlive(): Promise<void> {
    const answer = await this.#ask({
      method: 'GET',
      target: '/health/ready',
      headers: [['Host', 'localhost']],
      body: null,
      chunks: null,
    });
    if (answer?.status !== 200) throw new Error('The server is not ready any more.');
  }

  #judge(request: WireRequest, answer: WireAnswer, isObserved: boolean): void {
    try {
      const elements = judgeAnswer(this.#world, request, answer);
      judgeCalls(this.#world, request, { elements, answer, isObserved });
    } catch (error) {
      const { status, body } = answer;
      const sent = toBytes(request).toString('latin1').slice(0, 4_000);
      const shown = `${sent}\n\nwas answered ${status}\n${body.slice(0, 4_000)}`;
      throw new Error(`${String(error)}\n\n${shown}`, { cause: error });
    }
  }
}

async function play(
  [plan, steps]: readonly [Parameters<typeof createWorld>[0], readonly Step[]],
  counted: (requests: number) => void,
): Promise<void> {
  const world = await createWorld(plan);
  const scenario = new Scenario(world, counted);
  try {
    for (const [index, each] of steps.entries()) {
      await scenario.take(each).catch((error: unknown) => {
        const planned = JSON.stringify(each);
        throw new Error(`Step ${index}, ${planned}\n\n${String(error)}`, { cause: error });
      });
    }
    await world.assertUnharmed();
  } finally {
    scenario.close();
    await world.close();
  }
}

describe('whatever is sent, the answer is one of ours and nobody is harmed', () => {
  test.for(seeds)('seed %i', { timeout: 3_600_000 }, async (seed) => {
    let tried = 0;
    const scenario = fc.tuple(
      worldPlan,
      fc.array(step, { minLength: stepsInScenario, maxLength: stepsInScenario, size: 'max' }),
    );
    const { failed, errorInstance, counterexamplePath } = await fc.check(
      fc.asyncProperty(scenario, (planned) =>
        play(planned, (more) => {
          tried += more;
        }),
      ),
      // A step leans on those before it, so that a smaller scenario is rarely one that fails.
      { seed, numRuns: Math.ceil(requests / seeds.length / stepsInScenario), endOnFailure: true },
    );
    printResult({ what: 'requests', seed, tried, failures: failed ? 1 : 0 });
    if (failed) throw new Error(`Scenario ${counterexamplePath}. ${String(errorInstance)}`);
    expect(tried).toBeGreaterThanOrEqual(requests / seeds.length / 2);
  });
});
