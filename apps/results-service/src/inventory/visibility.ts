/**
 * SQL condition: the image is visible when a reference that leads or once led to it is in the caller's scope. Knowing a digest
 * gives no right to what is known of it, so this stands in each query. `parameter` holds the scope's LIKE patterns or null.
 */
export function visible(imageId: string, parameter: number): string {
  return `($${parameter}::text[] is null or exists (select from image_reference vr where vr.image_id = ${imageId} and vr.repository like any ($${parameter}::text[])))`
}

/** The same for statements that ask of many images: those in the scope are read once, and each image is looked up in them. */
export function visibleAmongMany(imageId: string, parameter: number): string {
  return `($${parameter}::text[] is null or ${imageId} in (select vr.image_id from image_reference vr where vr.repository like any ($${parameter}::text[])))`
}
