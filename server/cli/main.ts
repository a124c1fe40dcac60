#!/usr/bin/env node
import { createRuntime } from '../runtime.ts';
import { runCommandLine } from './command-line.ts';
import { createRootCommand } from './root-command.ts';
import { createTerminal } from './terminal.ts';

const terminal = createTerminal();
const root = createRootCommand({ terminal, runtime: createRuntime(), variables: process.env });
const exitCode = await runCommandLine(root, process.argv.slice(2), terminal);
// `start` is done once it serves; how that ends, the drain decides.
if (exitCode !== 0) process.exitCode = exitCode;
