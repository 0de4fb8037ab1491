// The descriptions of the server's addresses, and the JSON Schemas in them.

import { readFileSync } from 'node:fs';
import Ajv from 'ajv/dist/2020.js';
import { parse } from 'yaml';

const DOCS = new URL('../../../../docs/', import.meta.url);

/** A file of docs, as text. */
export const text = (name) => readFileSync(new URL(name, DOCS), 'utf8');

export const openapi = parse(text('openapi.yaml'));
export const asyncapi = parse(text('asyncapi.yaml'));

// The schemas stand inside of documents that are none.
const ajv = new Ajv({ strict: false, validateSchema: false, allErrors: true, validateFormats: false });
ajv.addSchema({ ...openapi, $id: 'http://docs/openapi.yaml' });
ajv.addSchema({ ...asyncapi, $id: 'http://docs/asyncapi.yaml' });

/**
 * What is wrong with a value; empty if nothing is.
 *
 * @param {string} place of the schema, such as `openapi.yaml#/components/schemas/Update`
 */
export function problems(place, value) {
  const validate = ajv.getSchema(`http://docs/${place}`);
  if (!validate) throw new Error(`${place} is no schema`);
  return validate(value) ? '' : ajv.errorsText(validate.errors);
}

/** The part of a document at a JSON pointer. */
export const at = (document, pointer) =>
  pointer
    .slice('#/'.length)
    .split('/')
    .reduce((part, step) => part[step.replaceAll('~1', '/').replaceAll('~0', '~')], document);
