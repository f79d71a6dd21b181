/**
 * SQL condition: the image is visible when a reference that leads or once led to it is in the caller's scope. Knowing a digest
 * gives no right to what is known of it, so this stands in each query. `parameter` holds the scope's LIKE patterns or null.
 */
export function visible(imageId: string, parameter: number): string {
  return `($${parameter}::text[] is null or exists (select from image_reference vr where vr.image_id = ${imageId} and vr.repository like any ($${parameter}::text[])))`
}
