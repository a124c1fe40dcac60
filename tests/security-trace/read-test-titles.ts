import { parseSync, Visitor, type Expression } from 'oxc-parser';

/**
 * The titles of the tests in a file, each alone and with those of the groups around it, joined
 * by ` > `; as written, so with `%s` where a table fills something in.
 */
export function readTestTitles(file: string, text: string): string[] {
  const { program, errors } = parseSync(file, text);
  if (errors[0] !== undefined) throw new Error(`${file} does not parse: ${errors[0].message}`);
  const titles: string[] = [];
  const groups: string[] = [];

  new Visitor({
    CallExpression(call) {
      const title = titleOf(call.arguments[0]);
      const kind = nameOf(call.callee);
      if (title === null) return;
      if (kind === 'describe') groups.push(title);
      if (kind !== 'test') return;
      titles.push(title);
      if (groups.length > 0) titles.push([...groups, title].join(' > '));
    },
    'CallExpression:exit'(call) {
      if (titleOf(call.arguments[0]) !== null && nameOf(call.callee) === 'describe') groups.pop();
    },
  }).visit(program);
  return titles;
}

/** `test` of `test(…)`, `test.each(…)(…)` and their like. */
function nameOf(callee: Expression): string | null {
  if (callee.type === 'Identifier') return callee.name;
  if (callee.type === 'MemberExpression') return nameOf(callee.object);
  return callee.type === 'CallExpression' ? nameOf(callee.callee) : null;
}

function titleOf(argument: { readonly type: string } | undefined): string | null {
  if (argument?.type === 'Literal' && 'value' in argument && typeof argument.value === 'string') {
    return argument.value;
  }
  if (argument?.type !== 'TemplateLiteral' || !('quasis' in argument)) return null;
  // What is filled in is not known here.
  return (argument.quasis as { value: { cooked: string } }[])
    .map(({ value }) => value.cooked)
    .join('…');
}
