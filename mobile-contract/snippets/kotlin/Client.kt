package sa.mawid.app

import java.io.IOException
import java.util.concurrent.TimeUnit
import kotlin.random.Random
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.delay
import kotlinx.coroutines.withContext
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.put
import okhttp3.HttpUrl
import okhttp3.Interceptor
import okhttp3.MediaType.Companion.toMediaType
import okhttp3.OkHttpClient
import okhttp3.Request
import okhttp3.RequestBody.Companion.toRequestBody
import okhttp3.Response

/** What every request says, whoever made it. */
class ConstantHeaders(
    /** `android/2.3.1+431` */
    private val client: String,
    /** Random, made once per install. */
    private val installationId: String,
    /** The language on the screen, asked anew for each request. */
    private val language: () -> String,
) : Interceptor {
    override fun intercept(chain: Interceptor.Chain): Response = chain.proceed(
        chain.request().newBuilder()
            .header("Accept-Language", language())
            .header("X-Client", client)
            .header("X-Installation-Id", installationId)
            .build(),
    )
}

/** Without the person's token: for signing in and for the exchange of tokens. */
fun plainHttp(headers: ConstantHeaders): OkHttpClient = OkHttpClient.Builder()
    .callTimeout(15, TimeUnit.SECONDS)
    .followRedirects(false) // the API never redirects; captive portals do
    .addInterceptor(headers)
    .addInterceptor(Refusals())
    .build()

/** For everything else; hand it to the generated client. */
fun signedInHttp(plain: OkHttpClient, session: Session): OkHttpClient = plain.newBuilder()
    .apply { interceptors().add(1, Authorization(session)) } // outside Refusals, whose exceptions it reads
    .build()

/** The `exchange` of a [Session]. The previous refresh token works for a minute more: a lost answer is asked for again. */
fun exchange(plain: OkHttpClient, server: HttpUrl): suspend (String) -> TokenAnswer = { refreshToken ->
    val body = buildJsonObject { put("refresh_token", refreshToken) }.toString()
    val request = Request.Builder()
        .url(server.resolve("/api/v1/auth/token-refreshes")!!)
        .post(body.toRequestBody("application/json".toMediaType()))
        .build()
    patiently {
        withContext(Dispatchers.IO) {
            plain.newCall(request).execute().use { wire.decodeFromString<TokenAnswer>(it.body!!.string()) }
        }
    }
}

/**
 * Again after a bad line, or when the server asks for patience; with growing pauses, and not for ever.
 *
 * For reads, and for whatever carries an `Idempotency-Key`: make the key before, outside [act].
 */
suspend fun <T> patiently(tries: Int = 4, act: suspend () -> T): T {
    for (attempt in 1 until tries) {
        try {
            return act()
        } catch (over: SignedOut) {
            throw over
        } catch (failure: IOException) {
            delay(pauseAfter(failure, attempt) ?: throw failure)
        }
    }
    return act()
}

/** Milliseconds, or null where waiting cannot help. */
private fun pauseAfter(failure: IOException, attempt: Int): Long? {
    val backoff = ((200 shl attempt) * Random.nextDouble(0.5, 1.0)).toLong()
    val problem = (failure as? ApiProblem)?.problem ?: return backoff
    if (!problem.isWorthWaiting) return null
    val seconds = problem.retryAfter ?: return backoff
    return if (seconds <= 10) seconds * 1000L else null
}
