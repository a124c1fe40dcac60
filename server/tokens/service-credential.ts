import { createHash, timingSafeEqual } from 'node:crypto';

/** What a service of the same system shows of itself. */
export interface ServiceCredential {
  readonly name: string;
  readonly secret: string;
}

/** Says whether one of the services has this name and this secret. */
export type ServiceCheck = (presented: ServiceCredential) => boolean;

/** Each service is compared in full, so that time tells neither a name nor a secret. */
export function createServiceCheck(services: readonly ServiceCredential[]): ServiceCheck {
  const digests = services.map(digestOf);
  return (presented) => {
    const digest = digestOf(presented);
    return digests.filter((known) => timingSafeEqual(known, digest)).length > 0;
  };
}

/** A name has no colon, so that no other pair gives the same text. */
function digestOf({ name, secret }: ServiceCredential): Buffer {
  return createHash('sha256').update(`${name}:${secret}`).digest();
}
